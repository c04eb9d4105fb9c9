// What the checks of the matrix kernels share: a bank, rows by group, and sums in f64 to compare with.
//
// Tolerance: a sum of n products in f32 has at most n roundings of eps / 2 of what has been summed so far, so
// |error| <= n / 2 * eps * sum |a b|; what the products read is exact, after rounding to bf16 where the kernel does
// that.
#ifndef MOTLEY_TEST_CODEGEN_MATMULPROBLEM_H
#define MOTLEY_TEST_CODEGEN_MATMULPROBLEM_H

#include "KernelText.h"

namespace kernelcheck {

inline constexpr int64_t kPanel = 32;
inline int64_t panelsOf(int64_t columns) { return (columns + kPanel - 1) / kPanel; }

/// The nearest bf16, ties to even; NaN stays NaN.
inline float roundToBf16(float value) {
  if (std::isnan(value))
    return value;
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  uint32_t low = bits & 0xffff, high = bits >> 16;
  high += low > 0x8000 || (low == 0x8000 && (high & 1));
  bits = high << 16;
  std::memcpy(&value, &bits, sizeof(bits));
  return value;
}

/// Which rows the inputs have, and what they are rounded to.
struct Mode {
  bool isGathered = false, isRounded = false;
  std::string parameters() const {
    return std::string(isGathered ? " gathered = true" : "") + (isRounded ? " precision = bf16" : "");
  }
};
inline constexpr Mode kModes[] = {{false, false}, {true, false}, {false, true}, {true, true}};

/// A shape of the grouped GEMM: matrices of one bank, rows by group.
struct Shape {
  int64_t depth;                  // K, rows of every matrix
  std::vector<int64_t> columns;   // of each range
  std::vector<int64_t> groupRows; // live slots of each group
  std::vector<int64_t> map;       // member of each group
  int64_t rowTile = 32, panelsPerBlock = 2;
  std::string describe() const {
    std::string text = "K=" + std::to_string(depth) + " N=" + list(columns) + " rows=" + list(groupRows);
    return text + " tile=" + std::to_string(rowTile);
  }
  int64_t blocksOf(int64_t numColumns) const { return (panelsOf(numColumns) + panelsPerBlock - 1) / panelsPerBlock; }
  /// Every range is cut on its own.
  int64_t blocksOfRanges() const {
    int64_t count = 0;
    for (int64_t n : columns)
      count += blocksOf(n);
    return count;
  }
};

inline const std::vector<Shape> &shapes() {
  static const std::vector<Shape> list = {
      {64, {64}, {40}, {0}},                           // whole tiles
      {1, {1}, {1}, {0}},                              // one row, one column
      {37, {33}, {0, 13, 1}, {0, 1, 0}},               // odd K and N, an empty group, one row
      {96, {50, 32, 7}, {9, 0, 26, 5}, {1, 0, -1, 1}}, // three ranges, a group that meets no member
      {130, {96, 96}, {31, 66}, {0, 0}},               // tied
      {64, {160}, {7, 6, 5, 4, 3, 2}, {0, 1, 2, 0, 1, 2}},
      {33, {40, 40}, {0, 0}, {0, 1}}, // no rows at all
  };
  return list;
}

/// Sum and sum of magnitudes.
struct Sum {
  double value = 0, magnitude = 0;
  void add(double a, double b) {
    value += a * b;
    magnitude += std::fabs(a * b);
  }
  double tolerance(int64_t numTerms) const { return numTerms / 2.0 * kEpsilon * magnitude; }
};

/// Near, or the same infinity, or both NaN.
inline void expectClose(Check &check, float got, double want, double tolerance, const std::string &what) {
  if (std::isfinite(want))
    return check.expectNear(got, want, tolerance, what);
  check.expect(std::isnan(want) ? std::isnan(got) : got == want,
               what + ": got " + std::to_string(got) + ", expected " + std::to_string(want));
}

/// Everything that the three forms read, and helpers to index it. Slots are the rows of the results; what is gathered
/// has fewer rows, and slot s reads row[s] of it.
struct Problem {
  Problem(Check &check, const Shape &shape, Mode mode = {})
      : shape(shape), mode(mode), numGroups(shape.groupRows.size()),
        numMembers(1 + *std::max_element(shape.map.begin(), shape.map.end())), offset(numGroups + 1), row(0), bank(0) {
    offset[0] = 0;
    for (int64_t g = 0; g < numGroups; ++g)
      offset[g + 1] = liveSlots += shape.groupRows[g];
    numSlots = liveSlots + 5; // dead slots at the end
    liveSources = liveSlots / 2 + 1;
    row = Buffer<int32_t>(numSlots);
    for (int64_t slot = 0; slot < liveSlots; ++slot)
      row[slot] = check.random() % liveSources;
    for (int64_t n : shape.columns) {
      firstPanel.push_back(numPanels);
      numPanels += panelsOf(n);
    }
    bank = Buffer<float>(numMembers * numPanels * shape.depth * kPanel, [&](size_t) { return 0.0f; });
    for (int64_t m = 0; m < numMembers; ++m)
      for (size_t i = 0; i < shape.columns.size(); ++i)
        for (int64_t k = 0; k < shape.depth; ++k)
          for (int64_t n = 0; n < shape.columns[i]; ++n)
            bank[place(m, i, k, n)] = check.uniform();
  }

  size_t place(int64_t member, int64_t range, int64_t k, int64_t n) const {
    return ((member * numPanels + firstPanel[range] + n / kPanel) * shape.depth + k) * kPanel + n % kPanel;
  }
  double weight(int64_t slot, int64_t range, int64_t k, int64_t n) const {
    return rounded(bank[place(shape.map[groupOf(slot)], range, k, n)]);
  }
  float rounded(float value) const { return mode.isRounded ? roundToBf16(value) : value; }
  int64_t groupOf(int64_t slot) const {
    int64_t g = 0;
    while (slot >= offset[g + 1])
      ++g;
    return g;
  }

  /// Rows of a matrix that is gathered, or not.
  int64_t numRows(bool isGathered) const { return isGathered ? liveSources + 2 : numSlots; }
  /// Rows that no slot reads are NaN.
  Buffer<float> matrix(Check &check, int64_t columns, bool isGathered = false) const {
    int64_t live = isGathered ? liveSources : liveSlots;
    return Buffer<float>(numRows(isGathered) * columns,
                         [&](size_t i) { return int64_t(i) / columns < live ? check.uniform() : NAN; });
  }
  /// What a product reads of `x` at a slot.
  double read(const Buffer<float> &x, int64_t columns, int64_t slot, int64_t column, bool isGathered) const {
    return rounded(x[(isGathered ? row[slot] : slot) * columns + column]);
  }
  std::string matrixType(int64_t columns, bool isGathered = false) const {
    return memref({numRows(isGathered), columns});
  }

  Buffer<int32_t> tiles(int64_t rowTile, int64_t &count) const {
    std::vector<int32_t> entries;
    for (int64_t g = 0; g < numGroups; ++g)
      for (int64_t slot = offset[g]; slot < offset[g + 1]; slot += rowTile)
        entries.insert(entries.end(),
                       {int32_t(g), int32_t(slot), int32_t(std::min<int64_t>(rowTile, offset[g + 1] - slot))});
    count = entries.size() / 3;
    entries.resize(3 * capacity(rowTile));
    return Buffer<int32_t>(entries);
  }
  int64_t capacity(int64_t rowTile) const { return (numSlots + rowTile - 1) / rowTile + numGroups; }
  /// Slots that are dead or meet no member must be as they were: NaN.
  bool isUnwritten(int64_t slot) const { return slot >= liveSlots || shape.map[groupOf(slot)] < 0; }

  std::string bankType() const { return memref({numMembers, numPanels, shape.depth, kPanel}); }
  std::string family(const std::string &form, int64_t columnBlocks) const {
    return "matmul<" + form + ", panels = " + list(firstPanel) + ", map = " + list(shape.map) +
           ", panels_per_block = " + std::to_string(shape.panelsPerBlock) +
           ", column_blocks = " + std::to_string(columnBlocks) + mode.parameters() + ">";
  }
  std::string element(const char *what, int64_t slot, int64_t column) const {
    return shape.describe() + mode.parameters() + ": " + what + "[" + std::to_string(slot) + ", " +
           std::to_string(column) + "]";
  }

  const Shape &shape;
  Mode mode;
  int64_t numGroups, numMembers, numSlots = 0, liveSlots = 0, liveSources = 0, numPanels = 0;
  std::vector<int64_t> firstPanel;
  Buffer<int32_t> offset, row;
  Buffer<float> bank;
};

/// One matmul kernel: its inputs, the bank, the tiles, the gathered rows, then extras and results.
struct MatmulCall {
  MatmulCall(const Problem &p, std::string form, int64_t rowTile, const std::vector<Buffer<float>> &inputs,
             int64_t columnBlocks)
      : family(p.family(form, columnBlocks)), tiles(p.tiles(rowTile, numUnits)) {
    numUnits *= columnBlocks;
    for (const Buffer<float> &input : inputs) {
      int64_t rows = p.numRows(p.mode.isGathered);
      add(input, memref({rows, int64_t(input.size()) / rows}));
    }
    add(p.bank, p.bankType());
    add(tiles, memref({p.capacity(rowTile), 3}, "i32"));
    if (p.mode.isGathered)
      add(p.row, memref({p.numSlots}, "i32"));
  }
  template <typename T> void add(const Buffer<T> &buffer, const std::string &type) {
    operands.push_back(buffer);
    types.push_back(type);
  }
  void run(Check &check, int64_t unitsPerCall = INT64_MAX, const std::string &body = "") {
    check.run(kernelText(family, types, body), operands, numUnits, unitsPerCall);
  }

  std::string family;
  int64_t numUnits = 0;
  Buffer<int32_t> tiles;
  std::vector<Operand> operands;
  std::vector<std::string> types;
};

} // namespace kernelcheck

#endif // MOTLEY_TEST_CODEGEN_MATMULPROBLEM_H
