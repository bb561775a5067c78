#include "mnemo/io/csv.hpp"

#include <doctest/doctest.h>

#include <clocale>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "io_files.hpp"
#include "mnemo/io/batches.hpp"

using namespace mnemo;
using io_files::Folder;

namespace {

struct CsvFolder : Folder {
  io::CsvTable read(const std::string& text, const io::CsvOptions& options = {}) const {
    return io::read_csv(write("table.csv", text), options);
  }
  std::string refusal(const std::string& text, const io::CsvOptions& options = {}) const {
    try {
      read(text, options);
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find("table.csv: ") != std::string::npos);
      return error.what();
    }
    return "";
  }
};

std::vector<double> values(const Tensor& tensor) {
  const Tensor wide = cast(tensor, DType::float64);
  return {wide.span<double>().begin(), wide.span<double>().end()};
}

using Values = std::vector<double>;
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("columns have names and types") {
  const CsvFolder folder;
  const io::CsvTable table = folder.read("x,y,label\n1.5,-2,0\n.25,+3,1\n1e3,4,2");
  CHECK(table.names == Names{"x", "y", "label"});
  CHECK(table.rows() == 3);
  CHECK(table.at("x").dtype() == DType::float64);
  CHECK(values(table.at("x")) == Values{1.5, 0.25, 1000});
  CHECK(table.at("y").dtype() == DType::int64);
  CHECK(values(table.at("y")) == Values{-2, 3, 4});
  CHECK(table.at("label").shape() == Shape{3});
  CHECK_THROWS_WITH_AS(table.at("z"), doctest::Contains("there are 'x', 'y', 'label'"), Error);
}

TEST_CASE("a matrix for a network") {
  const CsvFolder folder;
  const io::CsvTable table = folder.read("a,b,c\n1,2,3\n4,5,6.5\n");
  const Tensor all = table.matrix();
  CHECK(all.shape() == Shape{2, 3});
  CHECK(all.dtype() == DType::float32);
  CHECK(values(all) == Values{1, 2, 3, 4, 5, 6.5});
  CHECK(values(table.matrix({"c", "a"}, DType::float64)) == Values{3, 1, 6.5, 4});
  CHECK_THROWS_AS(table.matrix({"d"}), Error);
  io::Batches batches({all, table.at("a")}, {.size = 1, .shuffle = false});
  CHECK(values(batches.next()[0]) == Values{1, 2, 3});
}

TEST_CASE("what spreadsheets write") {
  const CsvFolder folder;
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    for (const std::string begin : {"", "\xEF\xBB\xBF"}) {
      const io::CsvTable table = folder.read(begin + "\"a \"\"x\"\", y\",b" + end + " 1 ,\t\"2\" " +
                                             end + end + "\"3\",4" + end);
      CHECK(table.names == Names{"a \"x\", y", "b"});
      CHECK(values(table.matrix()) == Values{1, 2, 3, 4});
    }
  }
  const io::CsvTable table = folder.read("a\tb\n1\t2\n", {.separator = '\t'});
  CHECK(values(table.matrix()) == Values{1, 2});
  CHECK(values(folder.read("a;b\n1;2\n", {.separator = ';'}).matrix()) == Values{1, 2});
  CHECK(folder.read(",x\n0,5\n1,6\n").names == Names{"0", "x"});  // pandas's index
  CHECK(values(folder.read("\"two\nlines\"\n7\n").columns[0]) == Values{7});
}

TEST_CASE("without a header, and some columns only") {
  const CsvFolder folder;
  const io::CsvTable table = folder.read("1,2\n3,4\n", {.header = false});
  CHECK(table.names == Names{"0", "1"});
  CHECK(values(table.matrix()) == Values{1, 2, 3, 4});
  const io::CsvTable some =
      folder.read("name,x,y\nAda,1,2\n\"Lovelace, A.\",3,4\n", {.columns = {"y", "x"}});
  CHECK(some.names == Names{"y", "x"});
  CHECK(values(some.matrix()) == Values{2, 1, 4, 3});
  CHECK(folder.refusal("x,y\n1,2\n", {.columns = {"z"}}).ends_with("'z'; there are 'x', 'y'"));
  CHECK(folder.read("a,b\n").rows() == 0);
}

TEST_CASE("numbers are exact, the same in every locale") {
  const CsvFolder folder;
  const char* const before = std::setlocale(LC_NUMERIC, nullptr);
  for (const char* name : {"C", "de_DE.UTF-8", "fr_FR.UTF-8"}) {
    std::setlocale(LC_NUMERIC, name);
    const Tensor x =
        folder.read("x\n0.1\n1e308\n4.9406564584124654e-324\n-0.0\n1e-400\ninf\n").columns[0];
    const double* const v = x.data<double>();
    CHECK(v[0] == 0.1);
    CHECK(v[1] == 1e308);
    CHECK(v[2] == std::numeric_limits<double>::denorm_min());
    CHECK(std::signbit(v[3]));
    CHECK(v[4] == 0.0);
    CHECK(std::isinf(v[5]));
  }
  std::setlocale(LC_NUMERIC, before);
  const Tensor whole = folder.read("x\n9223372036854775807\n-9223372036854775808\n").columns[0];
  CHECK(whole.data<std::int64_t>()[0] == std::numeric_limits<std::int64_t>::max());
  CHECK(whole.data<std::int64_t>()[1] == std::numeric_limits<std::int64_t>::min());
  CHECK(values(folder.read("x\n3\n9223372036854775808\n").columns[0]) ==
        Values{3, 9223372036854775808.0});
}

TEST_CASE("missing values are refused or NaN") {
  const CsvFolder folder;
  for (const std::string cell : {"", "NA", "NaN", "nan", "null", "\"\"", " "}) {
    const std::string text = "x,y\n1,2\n" + cell + ",3\n";
    CHECK(folder.refusal(text).find("line 3, column 1 (x)") != std::string::npos);
    const io::CsvTable table = folder.read(text, {.missing = io::Missing::nan});
    CHECK(table.at("x").dtype() == DType::float64);
    CHECK(table.at("x").data<double>()[0] == 1.0);
    CHECK(std::isnan(table.at("x").data<double>()[1]));
    CHECK(table.at("y").dtype() == DType::int64);
  }
}

TEST_CASE("what is wrong is told, with its line and column") {
  const CsvFolder folder;
  const auto told = [&](const std::string& text, const std::string& expected) {
    const std::string message = folder.refusal(text);
    INFO(message);
    CHECK(message.find(expected) != std::string::npos);
  };
  told("", "is empty");
  told("x,y\n1,2\n\n3,4x\n", "line 4, column 2 (y): '4x' is no number");
  told("x,y\r\n1,2\r\n3,\"four\"\r\n", "line 3, column 2 (y): 'four' is no number");
  told("\"a\nb\"\n1\ntwo\n", "line 4, column 1 (a?b): 'two'");
  for (const char* no_number : {"1,5", "0x10", "1e", "--1", "+-1", "1 2", "1e999", "true", "-"}) {
    told("x;y\n1;2\n", "");
    CHECK(
        folder.refusal("x\n1\n\"" + std::string(no_number) + "\"\n").find("line 3, column 1 (x)") !=
        std::string::npos);
  }
  told("x,y\n1,2\n1,2,3\n", "line 3: more than 2 cells");
  told("x,y\n1\n", "line 2: 1 cells, expected 2");
  told("x,x\n1,2\n", "line 1: columns 1 and 2 have the same name, 'x'");
  told("x\n1\n\"2\n", "line 3: a quote is opened and never closed");
  told("x\n1\n\"2\" 3\n", "line 3: a quoted cell goes on");
  told(std::string("x\n1\n\0\n", 6), "line 3: a zero byte");
  told("\xFF\xFEx\0\n\0", "");
  told("x\n" + std::string(70'000, '1') + "\n", "a cell of more than");
  told(std::string(200'000, ','), "more than 100000 columns");
  told("x\x1b[31m\n1\nq\n", "(x?[31m)");
  CHECK_THROWS_WITH_AS(io::read_csv(folder.path / "no.csv"), doctest::Contains("no.csv"), Error);
  CHECK_THROWS_WITH_AS(io::read_csv(folder.path), doctest::Contains("regular file"), Error);
  CHECK_THROWS_AS(folder.read("x\n1\n", {.separator = '"'}), Error);
}

TEST_CASE("cells across the pieces that are read at a time") {
  const CsvFolder folder;
  std::string text = "index,half\n";
  constexpr int count = 100'000;  // 1.3 MB
  for (int i = 0; i < count; ++i) text += std::to_string(i) + "," + std::to_string(i) + ".5\r\n";
  const io::CsvTable table = folder.read(text);
  REQUIRE(table.rows() == count);
  bool same = true;
  for (int i = 0; i < count; ++i) {
    same = same && table.columns[0].data<std::int64_t>()[i] == i &&
           table.columns[1].data<double>()[i] == i + 0.5;
  }
  CHECK(same);
}
