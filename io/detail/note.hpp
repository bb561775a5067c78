#pragma once
#include <optional>
#include <string>

namespace mnemo::detail {

// The comment of a checkpoint's archive: what is worth knowing about it that is no state of the
// program. `mnemo openblas=SkylakeX metric=0.25`

/// The note of a checkpoint that is saved here and now.
std::string make_note(std::optional<double> metric);

/// The metric in a note.
std::optional<double> metric_in(const std::string& note);

/// A sentence where the note names another family of OpenBLAS kernels than the one in use; else empty.
std::string other_kernels(const std::string& note);

}  // namespace mnemo::detail
