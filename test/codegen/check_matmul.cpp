// The grouped GEMM in its three forms against sums in f64.
//
// Tolerance: a sum of n products by fma in f32 has at most n roundings of eps / 2 of what has been summed so far, so
// |error| <= n / 2 * eps * sum |a b|; inputs themselves are exact. One more rounding goes to the epilogue's addition.
#include "KernelCheck.h"

using namespace kernelcheck;

namespace {

constexpr int64_t kPanel = 32;
int64_t panelsOf(int64_t columns) { return (columns + kPanel - 1) / kPanel; }

/// A shape of the grouped GEMM: matrices of one bank, rows by group.
struct Shape {
  int64_t depth;                  // K, rows of every matrix
  std::vector<int64_t> columns;   // of each range
  std::vector<int64_t> groupRows; // live rows of each group
  std::vector<int64_t> map;       // member of each group
  int64_t rowTile = 32, panelsPerBlock = 2;
  std::string describe() const {
    std::string text = "K=" + std::to_string(depth) + " N=";
    for (int64_t n : columns)
      text += std::to_string(n) + " ";
    text += "rows=";
    for (int64_t r : groupRows)
      text += std::to_string(r) + " ";
    return text + "tile=" + std::to_string(rowTile);
  }
};

const std::vector<Shape> &shapes() {
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

/// Everything that the three forms read, and helpers to index it.
struct Problem {
  const Shape &shape;
  int64_t numGroups, numMembers, rows, liveRows = 0, numPanels = 0;
  std::vector<int64_t> firstPanel;
  Buffer<int32_t> offset;
  Buffer<float> bank;

  Problem(Check &check, const Shape &shape)
      : shape(shape), numGroups(shape.groupRows.size()),
        numMembers(1 + *std::max_element(shape.map.begin(), shape.map.end())), offset(numGroups + 1), bank(0) {
    offset[0] = 0;
    for (int64_t g = 0; g < numGroups; ++g)
      offset[g + 1] = liveRows += shape.groupRows[g];
    rows = liveRows + 5; // dead rows at the end
    for (int64_t n : shape.columns) {
      firstPanel.push_back(numPanels);
      numPanels += panelsOf(n);
    }
    bank = Buffer<float>(numMembers * numPanels * shape.depth * kPanel, [&](size_t) { return 0.0f; });
    for (int64_t m = 0; m < numMembers; ++m)
      for (size_t i = 0; i < shape.columns.size(); ++i)
        for (int64_t k = 0; k < shape.depth; ++k)
          for (int64_t n = 0; n < shape.columns[i]; ++n)
            bank[at(m, i, k, n)] = check.uniform();
  }
  size_t at(int64_t member, int64_t range, int64_t k, int64_t n) const {
    return ((member * numPanels + firstPanel[range] + n / kPanel) * shape.depth + k) * kPanel + n % kPanel;
  }
  int64_t groupOf(int64_t row) const {
    int64_t g = 0;
    while (row >= offset[g + 1])
      ++g;
    return g;
  }
  /// [rows, columns], dead rows NaN.
  Buffer<float> matrix(Check &check, int64_t columns) const {
    return Buffer<float>(rows * columns,
                         [&](size_t i) { return int64_t(i) / columns < liveRows ? check.uniform() : NAN; });
  }
  Buffer<int32_t> tiles(int64_t rowTile, int64_t &count) const {
    std::vector<int32_t> list;
    for (int64_t g = 0; g < numGroups; ++g)
      for (int64_t row = offset[g]; row < offset[g + 1]; row += rowTile)
        list.insert(list.end(), {int32_t(g), int32_t(row), int32_t(std::min<int64_t>(rowTile, offset[g + 1] - row))});
    count = list.size() / 3;
    list.resize(3 * capacity(rowTile));
    return Buffer<int32_t>(list);
  }
  int64_t capacity(int64_t rowTile) const { return (rows + rowTile - 1) / rowTile + numGroups; }
};

std::string join(const std::vector<int64_t> &list) {
  std::string text;
  for (int64_t value : list)
    text += (text.empty() ? "" : ", ") + std::to_string(value);
  return text;
}
std::string memref(std::initializer_list<int64_t> shape, const char *type = "f32") {
  std::string text = "memref<";
  for (int64_t size : shape)
    text += std::to_string(size) + "x";
  return text + type + ">";
}

struct KernelText {
  std::string types, access;
  void add(const std::string &type, const char *how) {
    types += (types.empty() ? "" : ", ") + type;
    access += (access.empty() ? "" : ", ") + std::string(how);
  }
  std::string make(const std::string &family, const std::string &body = "") const {
    return "plan.kernel @k #plan." + family + " [" + types + "] access [" + access + "]" + body;
  }
};

std::string bankType(const Problem &p) { return memref({p.numMembers, p.numPanels, p.shape.depth, kPanel}); }
std::string family(const Problem &p, const char *form, int64_t columnBlocks) {
  return std::string("matmul<") + form + ", panels = [" + join(p.firstPanel) + "], map = [" + join(p.shape.map) +
         "], panels_per_block = " + std::to_string(p.shape.panelsPerBlock) +
         ", column_blocks = " + std::to_string(columnBlocks) + ">";
}
int64_t blocksOf(int64_t panels, const Shape &shape) {
  return (panels + shape.panelsPerBlock - 1) / shape.panelsPerBlock;
}
/// Every range is cut on its own.
int64_t blocksOfRanges(const Shape &shape) {
  int64_t count = 0;
  for (int64_t n : shape.columns)
    count += blocksOf(panelsOf(n), shape);
  return count;
}

/// Sum and sum of magnitudes.
struct Sum {
  double value = 0, magnitude = 0;
  void add(double a, double b) {
    value += a * b;
    magnitude += std::fabs(a * b);
  }
};

/// Runs forward without an epilogue; results start as NaN.
std::vector<Buffer<float>> runForward(Check &check, const Problem &p, const Buffer<float> &x, int64_t rowTile) {
  int64_t numTiles;
  Buffer<int32_t> tiles = p.tiles(rowTile, numTiles);
  KernelText text;
  std::vector<Operand> operands = {x, p.bank, tiles};
  text.add(memref({p.rows, p.shape.depth}), "read");
  text.add(bankType(p), "read");
  text.add(memref({p.capacity(rowTile), 3}, "i32"), "read");
  std::vector<Buffer<float>> results;
  for (int64_t n : p.shape.columns) {
    text.add(memref({p.rows, n}), "write");
    results.emplace_back(p.rows * n);
    operands.push_back(results.back());
  }
  int64_t columnBlocks = blocksOfRanges(p.shape);
  check.run(text.make(family(p, "forward", columnBlocks)), operands, numTiles * columnBlocks, 3);
  for (const auto &result : results)
    check.expect(!result.isOverrun(), p.shape.describe() + ": wrote beyond a result");
  return results;
}

std::string element(const Problem &p, const char *what, int64_t row, int64_t column) {
  return p.shape.describe() + ": " + what + "[" + std::to_string(row) + ", " + std::to_string(column) + "]";
}

/// Rows that are dead or meet no member must be as they were: NaN.
bool isUnwritten(const Problem &p, int64_t row) { return row >= p.liveRows || p.shape.map[p.groupOf(row)] < 0; }

} // namespace

KERNEL_CHECK(matmulForward) {
  for (const Shape &shape : shapes()) {
    Problem p(check, shape);
    Buffer<float> x = p.matrix(check, shape.depth);
    std::vector<Buffer<float>> results = runForward(check, p, x, shape.rowTile);
    for (size_t i = 0; i < shape.columns.size(); ++i) {
      for (int64_t r = 0; r < p.rows; ++r) {
        for (int64_t n = 0; n < shape.columns[i]; ++n) {
          float got = results[i][r * shape.columns[i] + n];
          if (isUnwritten(p, r)) {
            check.expect(std::isnan(got), element(p, "y", r, n) + " was written");
            continue;
          }
          Sum sum;
          for (int64_t k = 0; k < shape.depth; ++k)
            sum.add(x[r * shape.depth + k], p.bank[p.at(shape.map[p.groupOf(r)], i, k, n)]);
          check.expectNear(got, sum.value, shape.depth / 2.0 * kEpsilon * sum.magnitude, element(p, "y", r, n));
        }
      }
    }
  }
}

// The bits of a row depend neither on the tiles nor on its place in them.
KERNEL_CHECK(matmulForwardTilings) {
  for (const Shape &shape : shapes()) {
    Problem p(check, shape);
    Buffer<float> x = p.matrix(check, shape.depth);
    std::vector<Buffer<float>> want = runForward(check, p, x, 32);
    for (int64_t rowTile : {1, 5, 8, 13}) {
      std::vector<Buffer<float>> got = runForward(check, p, x, rowTile);
      for (size_t i = 0; i < got.size(); ++i)
        check.expectSameBits(got[i], want[i], shape.describe() + ": tiles of " + std::to_string(rowTile));
    }
  }
}

// Gate, up and a residual in one kernel: y = relu(acc0) * acc1 + extra, and acc0 kept.
KERNEL_CHECK(matmulEpilogue) {
  for (int64_t columns : {int64_t(64), int64_t(45)}) {
    Shape shape = {48, {columns, columns}, {11, 0, 30}, {1, 0, 0}};
    Problem p(check, shape);
    Buffer<float> x = p.matrix(check, shape.depth), extra = p.matrix(check, columns);
    Buffer<float> y(p.rows * columns), kept(p.rows * columns);
    int64_t numTiles;
    Buffer<int32_t> tiles = p.tiles(shape.rowTile, numTiles);
    KernelText text;
    text.add(memref({p.rows, shape.depth}), "read");
    text.add(bankType(p), "read");
    text.add(memref({p.capacity(shape.rowTile), 3}, "i32"), "read");
    for (const char *access : {"read", "write", "write"})
      text.add(memref({p.rows, columns}), access);
    int64_t columnBlocks = blocksOf(panelsOf(columns), shape);
    std::string kernel = text.make(family(p, "forward", columnBlocks), R"( body {
      ^bb0(%a: f32, %b: f32, %e: f32):
        %r = motley.relu %a : f32
        %p = arith.mulf %r, %b : f32
        %s = arith.addf %p, %e : f32
        motley.yield %s, %a : f32, f32
      })");
    check.run(kernel, {x, p.bank, tiles, extra, y, kept}, numTiles * columnBlocks);
    for (int64_t r = 0; r < p.rows; ++r) {
      for (int64_t n = 0; n < columns; ++n) {
        int64_t at = r * columns + n;
        if (isUnwritten(p, r)) {
          check.expect(std::isnan(y[at]) && std::isnan(kept[at]), element(p, "y", r, n) + " was written");
          continue;
        }
        Sum a, b;
        for (int64_t k = 0; k < shape.depth; ++k) {
          a.add(x[r * shape.depth + k], p.bank[p.at(shape.map[p.groupOf(r)], 0, k, n)]);
          b.add(x[r * shape.depth + k], p.bank[p.at(shape.map[p.groupOf(r)], 1, k, n)]);
        }
        double errorOfSum = shape.depth / 2.0 * kEpsilon;
        check.expectNear(kept[at], a.value, errorOfSum * a.magnitude, element(p, "acc0", r, n));
        double want = std::max(a.value, 0.0) * b.value + extra[at];
        double tolerance = 2 * (errorOfSum + kEpsilon) * a.magnitude * b.magnitude + kEpsilon * std::fabs(want);
        check.expectNear(y[at], want, tolerance, element(p, "y", r, n));
      }
    }
  }
}

KERNEL_CHECK(matmulTransposed) {
  for (const Shape &shape : shapes()) {
    Problem p(check, shape);
    std::vector<Buffer<float>> inputs;
    for (int64_t n : shape.columns)
      inputs.push_back(p.matrix(check, n));
    int64_t columnBlocks = blocksOf(panelsOf(shape.depth), shape);
    auto run = [&](int64_t rowTile) {
      int64_t numTiles;
      Buffer<int32_t> tiles = p.tiles(rowTile, numTiles);
      KernelText text;
      std::vector<Operand> operands;
      for (size_t i = 0; i < inputs.size(); ++i) {
        text.add(memref({p.rows, shape.columns[i]}), "read");
        operands.push_back(inputs[i]);
      }
      Buffer<float> y(p.rows * shape.depth);
      operands.insert(operands.end(), {p.bank, tiles, y});
      text.add(bankType(p), "read");
      text.add(memref({p.capacity(rowTile), 3}, "i32"), "read");
      text.add(memref({p.rows, shape.depth}), "write");
      check.run(text.make(family(p, "transposed", columnBlocks)), operands, numTiles * columnBlocks, 2);
      check.expect(!y.isOverrun(), shape.describe() + ": wrote beyond the result");
      return y;
    };
    Buffer<float> y = run(shape.rowTile);
    check.expectSameBits(run(7), y, shape.describe() + ": tiles of 7");
    int64_t total = 0;
    for (int64_t n : shape.columns)
      total += n;
    for (int64_t r = 0; r < p.rows; ++r) {
      for (int64_t k = 0; k < shape.depth; ++k) {
        float got = y[r * shape.depth + k];
        if (isUnwritten(p, r)) {
          check.expect(std::isnan(got), element(p, "dx", r, k) + " was written");
          continue;
        }
        Sum sum;
        for (size_t i = 0; i < inputs.size(); ++i)
          for (int64_t n = 0; n < shape.columns[i]; ++n)
            sum.add(inputs[i][r * shape.columns[i] + n], p.bank[p.at(shape.map[p.groupOf(r)], i, k, n)]);
        check.expectNear(got, sum.value, total / 2.0 * kEpsilon * sum.magnitude, element(p, "dx", r, k));
      }
    }
  }
}

KERNEL_CHECK(outer) {
  std::vector<Shape> list = shapes();
  list.push_back({20, {33}, {300, 40, 129}, {0, 1, 0}}); // more rows than a block
  for (const Shape &shape : list) {
    Problem p(check, shape);
    Buffer<float> x = p.matrix(check, shape.depth);
    std::vector<Buffer<float>> cotangents;
    KernelText text;
    std::vector<Operand> operands = {x};
    text.add(memref({p.rows, shape.depth}), "read");
    for (int64_t n : shape.columns) {
      cotangents.push_back(p.matrix(check, n));
      operands.push_back(cotangents.back());
      text.add(memref({p.rows, n}), "read");
    }
    text.add(memref({p.numGroups + 1}, "i32"), "read");
    text.add("i1", "read");
    text.add(bankType(p), "read_write");
    std::string kernel = text.make("outer<panels = [" + join(p.firstPanel) + "], map = [" + join(shape.map) +
                                   "], panels_per_block = " + std::to_string(shape.panelsPerBlock) + ">");
    std::vector<bool> isMapped(p.numMembers, false);
    for (int64_t member : shape.map)
      if (member >= 0)
        isMapped[member] = true;
    int64_t numUnits = std::count(isMapped.begin(), isMapped.end(), true) * blocksOfRanges(shape);
    for (bool add : {false, true}) {
      // Where nothing is added, NaN and all are overwritten.
      Buffer<float> before(p.bank.size(), [&](size_t) { return add ? check.uniform() : NAN; });
      Buffer<float> gradient = before.copy();
      std::vector<Operand> all = operands;
      all.insert(all.end(), {Operand(p.offset), Operand(add), Operand(gradient)});
      check.run(kernel, all, numUnits, 2);
      Buffer<float> again = before.copy();
      all.back() = again;
      check.run(kernel, all, numUnits);
      check.expectSameBits(again, gradient, shape.describe() + ": all units in one call");
      for (int64_t m = 0; m < p.numMembers; ++m)
        for (size_t i = 0; i < shape.columns.size(); ++i)
          for (int64_t k = 0; k < shape.depth; ++k)
            for (int64_t n = 0; n < panelsOf(shape.columns[i]) * kPanel; ++n) {
              size_t at = p.at(m, i, k, n);
              if (!isMapped[m]) {
                check.expect(std::memcmp(&gradient[at], &before[at], 4) == 0,
                             shape.describe() + ": touched a member that no group maps to");
                continue;
              }
              Sum sum;
              if (add)
                sum.add(before[at], 1);
              for (int64_t r = 0; r < p.liveRows && n < shape.columns[i]; ++r)
                if (shape.map[p.groupOf(r)] == m)
                  sum.add(x[r * shape.depth + k], cotangents[i][r * shape.columns[i] + n]);
              check.expectNear(gradient[at], sum.value, (p.liveRows + 1) / 2.0 * kEpsilon * sum.magnitude,
                               element(p, "dw", k, n));
            }
    }
  }
}
