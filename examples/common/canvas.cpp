#include "common/canvas.hpp"

#include <algorithm>

#include "mnemo/core/shape_ops.hpp"
#include "mnemo/io/image.hpp"

namespace examples {
namespace {

constexpr std::int64_t scale = 2;
constexpr std::int64_t glyph_columns = 3, glyph_rows = 5;
static_assert(text_height == glyph_rows * scale);

// Each character as five rows of three pixels, an octal digit each, the top row first.
int glyph(char c) {
  constexpr std::string_view known = "0123456789.-/%():=abcdefghijklmnopqrstuvwxyz";
  constexpr std::array rows{075557, 026227, 071747, 071717, 055711, 074717, 074757, 071111, 075757,
                            075717, 000002, 000700, 011244, 051245, 012221, 042224, 002020, 007070,
                            025755, 065656, 034443, 065556, 074647, 074644, 034553, 055755, 072227,
                            011152, 055655, 044447, 057755, 065555, 025552, 065644, 025563, 065655,
                            034216, 072222, 055557, 055552, 055775, 055255, 055222, 071247};
  static_assert(known.size() == rows.size());
  const char small = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const std::size_t at = known.find(small);
  return at == std::string_view::npos ? 0 : rows[at];
}

}  // namespace

Canvas::Canvas(std::int64_t canvas_width, std::int64_t canvas_height, std::uint8_t grey)
    : width(canvas_width),
      height(canvas_height),
      pixels(static_cast<std::size_t>(width * height * 3), grey) {}

void Canvas::paint(std::int64_t column, std::int64_t row, const Color& color) {
  if (column < 0 || column >= width || row < 0 || row >= height) return;
  std::copy(color.begin(), color.end(), pixels.begin() + (row * width + column) * 3);
}

void Canvas::print(std::int64_t column, std::int64_t row, std::string_view text,
                   const Color& color) {
  for (const char c : text) {
    for (std::int64_t v = 0; v < glyph_rows * scale; ++v) {
      for (std::int64_t u = 0; u < glyph_columns * scale; ++u) {
        const auto bit = glyph_rows * glyph_columns - 1 - v / scale * glyph_columns - u / scale;
        if ((glyph(c) >> bit & 1) != 0) paint(column + u, row + v, color);
      }
    }
    column += text_width("  ") - text_width(" ");
  }
}

void Canvas::write(const std::filesystem::path& path) const {
  mnemo::io::write_png(path, permute(mnemo::from_values(pixels, {height, width, 3}), {2, 0, 1}));
}

}  // namespace examples
