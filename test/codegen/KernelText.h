// What the checks of kernels share: the text of a plan.kernel, tables of groups, and tolerances.
#ifndef MOTLEY_TEST_CODEGEN_KERNELTEXT_H
#define MOTLEY_TEST_CODEGEN_KERNELTEXT_H

#include "KernelCheck.h"

#include <algorithm>
#include <numeric>

namespace kernelcheck {

inline std::string memref(std::initializer_list<int64_t> shape, const std::string &element = "f32") {
  std::string text = "memref<";
  for (int64_t size : shape)
    text += std::to_string(size) + "x";
  return text + element + ">";
}

/// "#plan.family<...>" with its operand types; access is of no consequence to a kernel.
inline std::string kernelText(const std::string &family, const std::vector<std::string> &types,
                              const std::string &body = "") {
  std::string text = "plan.kernel @k #plan." + family + " [", access;
  for (size_t i = 0; i < types.size(); ++i) {
    text += (i ? ", " : "") + types[i];
    access += i ? ", read_write" : "read_write";
  }
  return text + "] access [" + access + "]" + (body.empty() ? "" : " body {\n" + body + "\n}") + "\n";
}

inline std::string list(const std::vector<int64_t> &values) {
  std::string text = "[";
  for (size_t i = 0; i < values.size(); ++i)
    text += (i ? ", " : "") + std::to_string(values[i]);
  return text + "]";
}
inline std::string number(double value, const std::string &type = "f64") {
  char text[64];
  snprintf(text, sizeof(text), "%.17e", value);
  return std::string(text) + " : " + type;
}

/// A partition of the first `live` of R rows.
struct Groups {
  Groups(int64_t numGroups, std::vector<int64_t> ids, int64_t numRows)
      : ids(std::move(ids)), row(numRows), offset(numGroups + 1), inverse(numRows) {
    int64_t slot = 0;
    for (int64_t g = 0; g < numGroups; ++g) {
      offset[g] = slot;
      for (size_t r = 0; r < this->ids.size(); ++r)
        if (this->ids[r] == g) {
          row[slot] = r;
          inverse[r] = slot++;
        }
    }
    offset[numGroups] = slot;
  }
  static Groups random(Check &check, int64_t numGroups, int64_t live, int64_t numRows) {
    std::vector<int64_t> ids(live);
    for (int64_t &id : ids)
      id = check.random() % numGroups;
    return Groups(numGroups, std::move(ids), numRows);
  }
  /// Groups of the given sizes, rows in slot order.
  static Groups ofSizes(const std::vector<int64_t> &sizes, int64_t numRows) {
    std::vector<int64_t> ids;
    for (size_t g = 0; g < sizes.size(); ++g)
      ids.insert(ids.end(), sizes[g], g);
    return Groups(sizes.size(), std::move(ids), numRows);
  }
  int64_t numGroups() const { return offset.size() - 1; }
  int64_t live() const { return offset[numGroups()]; }
  int64_t groupOf(int64_t slot) const {
    int64_t g = 0;
    while (slot >= offset[g + 1])
      ++g;
    return g;
  }

  std::vector<int64_t> ids;
  Buffer<int32_t> row, offset, inverse;
};

/// The tiles of at most `rowTile` slots.
struct Tiles {
  Tiles(const Groups &groups, int64_t rowTile)
      : capacity((groups.row.size() + rowTile - 1) / rowTile + groups.numGroups()), list(capacity * 3) {
    for (int64_t g = 0; g < groups.numGroups(); ++g)
      for (int64_t first = groups.offset[g]; first < groups.offset[g + 1]; first += rowTile) {
        list[count * 3] = g;
        list[count * 3 + 1] = first;
        list[count * 3 + 2] = std::min<int64_t>(rowTile, groups.offset[g + 1] - first);
        ++count;
      }
  }
  std::string type() const { return memref({capacity, 3}, "i32"); }
  int64_t capacity, count = 0;
  Buffer<int32_t> list;
};

/// Fills the rows from `live` on with NaN: no kernel may read them into a live result.
inline void killRows(const Buffer<float> &x, int64_t live, int64_t width) {
  std::fill(x.begin() + live * width, x.end(), std::numeric_limits<float>::quiet_NaN());
}

} // namespace kernelcheck

#endif // MOTLEY_TEST_CODEGEN_KERNELTEXT_H
