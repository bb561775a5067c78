#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mnemo/core/variables.hpp"
#include "mnemo/io/npz.hpp"

namespace mnemo::io {

/// Who is told what does not stop the work: a damaged checkpoint that was passed over, a file of another
/// machine. One line, without a line feed.
using Warn = std::function<void(const std::string&)>;
/// The default: prints it on standard error.
void warn_on_standard_error(const std::string& message);

/// How `save` writes.
struct SaveOptions {
  Compression compression = Compression::stored;  ///< of the members of an .npz; a folder has none
  /// Whether to wait until the disk has it. If not, `save` takes half the time and the system writes
  /// when it likes: a power cut, though no kill, may then leave neither the older state nor the new.
  bool durable = true;
};

/// Writes all of `variables` to `path`, whose ending says how: `.npz` an archive; `.npy` the only
/// variable as one array; `/`, or none, a folder of .npy files, with subfolders from the names.
///
/// Atomic and durable: everything is written beside the target, flushed to the disk, and renamed, so
/// that at every instant, also after a power cut (see `durable`), the old state or the new one is there,
/// whole.
/// What processes killed while saving left behind is removed by the next save to the same folder.
/// Missing folders are created. Equal variables give equal bytes.
///
/// Throws Error that names the file, with the older file as it was, if writing fails (a full disk, a
/// folder that may not be written), the ending is another one, an archive would have more than 70 000
/// members, or a folder of that name holds anything but .npy files. Only where the very last step fails,
/// the flush of the folder's list of files, is the new one in place already; the message says so.
void save(const std::filesystem::path& path, const Variables& variables,
          const SaveOptions& options = {});

/// How `read` and `map` read.
struct ReadOptions {
  Float16 float16 = Float16::to_float32;  ///< what becomes of float16 arrays
  Warn warn = warn_on_standard_error;     ///< is told of members that are no arrays
};

/// Reads every array of an .npz archive, an .npy file (one variable, named as the file) or a folder of
/// .npy files into fresh tensors. What the file is, its contents say. Throws Error as `read_npz`.
Variables read(const std::filesystem::path& path, const ReadOptions& options = {});

/// As `read`, but the elements stay in the file: they come into memory page by page when they are
/// touched, and writing to them changes the tensor, never the file. For data larger than memory and for
/// files of which little is needed. Arrays that are deflated, bool, float16 (unless kept), of the other
/// byte order or in Fortran order are read as usual. Checksums of what is mapped are not verified.
///
/// The file must not be changed in place meanwhile: what is cut off it crashes the program when it is
/// touched. Saving to the same name with `save` is safe, since that makes a new file.
Variables map(const std::filesystem::path& path, const ReadOptions& options = {});

/// What `load` takes, and where it may be less strict.
struct LoadOptions {
  /// Which of the program's variables to load, as patterns (`generator/*`); empty for all. With
  /// patterns, other arrays of the file are left alone.
  std::vector<std::string> only = {};
  /// From a name in the file to the name in the program. `{"encoder/*", "generator/*"}` renames a group.
  std::map<std::string, std::string> rename = {};
  bool allow_missing = false;          ///< keep the values of variables that the file does not have
  bool allow_extra = false;            ///< leave arrays alone that the program does not have
  bool allow_float16 = false;          ///< take float16 arrays into float32 variables
  Warn warn = warn_on_standard_error;  ///< is told what `warnings` of the report hold
};

/// What `load` did, by the program's names (`extra` by the file's), in the order of the variables.
struct LoadReport {
  std::vector<std::string> loaded;   ///< written with the file's values
  std::vector<std::string> missing;  ///< not in the file, kept (with allow_missing)
  std::vector<std::string> skipped;  ///< not asked for by `only`
  std::vector<std::string> extra;    ///< in the file, not loaded
  /// A checkpoint of another processor, members that are no arrays.
  std::vector<std::string> warnings;
};

/// Reads what `save` or NumPy wrote into the elements of `variables`, in place. All or nothing: names,
/// shapes, dtypes, sizes and checksums are checked before the first element is written. Strict: the file
/// must hold exactly these variables, unless `options` allow otherwise.
///
/// Throws Error, with every tensor as it was; one error lists all that is missing, extra, of another
/// shape or of another dtype, with guesses for names that are nearly right.
LoadReport load(const std::filesystem::path& path, const Variables& variables,
                const LoadOptions& options = {});

/// What `verify` found in a file that can be read.
struct Verification {
  std::size_t tensors = 0;             ///< how many it holds
  std::size_t bytes = 0;               ///< of their elements
  std::vector<std::string> nonfinite;  ///< names of those with NaN or infinity
};

/// Reads everything in `path` as `read` does, and keeps nothing. Throws Error where `read` does, and
/// where a member of an archive that is no array does not have its checksum.
Verification verify(const std::filesystem::path& path);

/// Which checkpoints a CheckpointManager keeps, and how it names and writes them.
struct ManagerOptions {
  std::size_t keep = 5;                ///< the newest N checkpoints; 0 keeps all
  std::int64_t keep_every = 0;         ///< also those of every k-th step; 0 for none
  std::size_t keep_best = 0;           ///< also the N with the best metric
  bool lower_is_better = true;         ///< of the metric
  std::string prefix = "step_";        ///< of the files' names, before the step; without '/'
  SaveOptions save = {};               ///< how each is written
  Warn warn = warn_on_standard_error;  ///< is told of damaged checkpoints
};

/// A folder of numbered checkpoints: `step_00000060.npz`. The folder is all there is: what a manager
/// knows, it reads there each time. Other files in it are left alone.
class CheckpointManager {
 public:
  /// Makes nothing yet; the folder comes with the first save. Throws Error for a prefix with a '/'
  /// or a negative `keep_every`.
  explicit CheckpointManager(std::filesystem::path folder, ManagerOptions options = {});

  /// Where the checkpoint of `step` is or would be. Throws Error for a negative step.
  std::filesystem::path path_for(std::int64_t step) const;
  /// Saves, then removes the checkpoints that need not be kept. Returns where it is. `metric` is noted in
  /// the archive. Throws Error as `io::save`, and for a metric that is NaN.
  std::filesystem::path save(std::int64_t step, const Variables& variables,
                             std::optional<double> metric = std::nullopt) const;
  /// The steps that the folder has checkpoints of, ascending; damaged ones included.
  std::vector<std::int64_t> steps() const;
  /// The newest checkpoint that can be read in full; nothing if there is none. Damaged ones are passed
  /// over with a warning that says what is wrong.
  std::optional<std::filesystem::path> latest() const;
  /// The checkpoint with the best metric, likewise.
  std::optional<std::filesystem::path> best() const;

 private:
  void remove_old(std::int64_t saved) const;
  std::vector<std::int64_t> best_steps() const;
  std::vector<std::pair<double, std::int64_t>> by_metric() const;  // best first
  bool readable(const std::filesystem::path& path) const;

  std::filesystem::path folder_;
  ManagerOptions options_;
};

}  // namespace mnemo::io
