#include "mnemo/io/detail/note.hpp"

#include <cblas.h>

#include <charconv>
#include <string_view>

#include "mnemo/core/detail/text.hpp"

namespace mnemo::detail {
namespace {

constexpr std::string_view start = "mnemo";

/// The value of `key` in "mnemo key=value key=value".
std::optional<std::string_view> value_of(std::string_view note, std::string_view key) {
  if (!note.starts_with(start)) return std::nullopt;
  const std::string marked = text(" ", key, "=");
  const std::size_t at = note.find(marked);
  if (at == std::string_view::npos) return std::nullopt;
  note.remove_prefix(at + marked.size());
  return note.substr(0, note.find(' '));
}

}  // namespace

std::string make_note(std::optional<double> metric) {
  std::string note = text(start, " openblas=", std::string_view(openblas_get_corename()));
  if (metric) note += text(" metric=", *metric);
  return note;
}

std::optional<double> metric_in(const std::string& note) {
  const auto value = value_of(note, "metric");
  if (!value) return std::nullopt;
  double metric = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), metric);
  if (error != std::errc{} || end != value->data() + value->size()) return std::nullopt;
  return metric;
}

std::string other_kernels(const std::string& note) {
  const auto made_by = value_of(note, "openblas");
  const std::string_view here = openblas_get_corename();
  // What comes from a file is shown only where it looks like such a name.
  constexpr std::string_view legal =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.+";
  if (!made_by || *made_by == here || made_by->size() > 32 ||
      made_by->find_first_not_of(legal) != std::string_view::npos) {
    return "";
  }
  return text("made with OpenBLAS's ", *made_by, " kernels; with the ", here,
              " kernels in use here, training goes on, but not bit for bit");
}

}  // namespace mnemo::detail
