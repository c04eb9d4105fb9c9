// Checks selections against tables built from lists: exact.
#include "KernelText.h"

using namespace kernelcheck;

namespace {

std::string ints(int64_t size) { return memref({size}, "i32"); }
std::string intMatrix(int64_t rows, int64_t columns) { return memref({rows, columns}, "i32"); }

/// A selection of at most `bound` slots from lists of rows, group by group.
struct Selection {
  Selection(const std::vector<std::vector<int64_t>> &groups, int64_t bound, int64_t numRows)
      : row(bound), offset(groups.size() + 1), begin(numRows + 1), slot(bound) {
    std::vector<std::vector<int32_t>> slotsOf(numRows);
    int32_t next = 0;
    for (size_t g = 0; g < groups.size(); ++g) {
      offset[g] = next;
      for (int64_t r : groups[g])
        if (next < bound) {
          row[next] = r;
          slotsOf[r].push_back(next++);
        }
    }
    offset[groups.size()] = next;
    int32_t entry = 0;
    for (int64_t r = 0; r < numRows; ++r) {
      begin[r] = entry;
      for (int32_t s : slotsOf[r])
        slot[entry++] = s;
    }
    begin[numRows] = entry;
  }
  int64_t live() const { return offset[offset.size() - 1]; }
  int64_t numGroups() const { return offset.size() - 1; }
  int64_t groupOf(int64_t s) const {
    int64_t g = 0;
    while (s >= offset[g + 1])
      ++g;
    return g;
  }
  Buffer<int32_t> row, offset, begin, slot;
};

/// Compares every entry of a table; entries that no slot has must be untouched.
void expectTable(Check &check, const Selection &got, const Selection &want, const std::string &what) {
  check.expectSameBits(got.offset, want.offset, what + ": offset");
  check.expectSameBits(got.row, want.row, what + ": row");
  check.expectSameBits(got.begin, want.begin, what + ": begin");
  check.expectSameBits(got.slot, want.slot, what + ": slot");
}

Selection emptyTable(int64_t numGroups, int64_t bound, int64_t numRows) {
  Selection table(std::vector<std::vector<int64_t>>(numGroups), bound, numRows);
  for (const Buffer<int32_t> *buffer : {&table.row, &table.offset, &table.begin, &table.slot})
    std::fill(buffer->begin(), buffer->end(), 0x7f7f7f7f);
  return table;
}

/// How a case fills the matrices of choices.
enum class Fill { none, all, one, random };

Buffer<int32_t> choices(Check &check, int64_t rows, int64_t columns, Fill fill) {
  return Buffer<int32_t>(rows * columns, [&](size_t i) -> int32_t {
    if (fill == Fill::random)
      return check.random() % 3 == 0 ? 1 + check.random() % 5 : 0;
    return fill == Fill::all || (fill == Fill::one && i % columns == 1);
  });
}

} // namespace

KERNEL_CHECK(select_makes_one_table) {
  // Three base groups; the first branch reads groups 0 and 2 and has null experts, group 1 belongs to nobody.
  const int64_t R = 90, E0 = 23, E1 = 3;
  const std::vector<int64_t> counts = {19, 3}, owner = {0, -1, 0, 1};
  for (Fill fill : {Fill::none, Fill::all, Fill::one, Fill::random})
    for (const std::vector<int64_t> &sizes :
         {std::vector<int64_t>{20, 5, 30, 31}, {0, 0, 0, 0}, {1, 0, 0, 0}, {0, 4, 0, 80}, {90, 0, 0, 0}})
      for (int64_t bound : {1, 40, 90 * 22}) {
        Groups base = Groups::ofSizes(sizes, R);
        Buffer<int32_t> first = choices(check, R, E0, fill), second = choices(check, R, E1, fill);
        std::vector<std::vector<int64_t>> groups(22);
        for (int64_t b = 0; b < 4; ++b)
          for (int64_t r = base.offset[b]; r < base.offset[b + 1]; ++r)
            for (int64_t e = 0; owner[b] >= 0 && e < counts[owner[b]]; ++e)
              if (owner[b] == 0 ? first[r * E0 + e] : second[r * E1 + e])
                groups[owner[b] * 19 + e].push_back(r);
        Selection want(groups, bound, R), got = emptyTable(22, bound, R);
        check.run(
            kernelText("select<counts = " + list(counts) + ", owner = " + list(owner) + ">",
                       {intMatrix(R, E0), intMatrix(R, E1), ints(5), ints(bound), ints(23), ints(R + 1), ints(bound)}),
            {first, second, base.offset, got.row, got.offset, got.begin, got.slot}, 1);
        expectTable(check, got, want, "bound " + std::to_string(bound));
      }
}

KERNEL_CHECK(restrict_keeps_chosen_slots) {
  const int64_t R = 70;
  for (Fill fill : {Fill::none, Fill::all, Fill::random})
    for (const std::vector<int64_t> &sizes : {std::vector<int64_t>{30, 0, 33}, {0, 0, 0}, {0, 1, 0}, {70, 0, 0}})
      for (int64_t bound : {1, 17, 70}) {
        Groups base = Groups::ofSizes(sizes, R);
        Buffer<int32_t> chosen = choices(check, R, 1, fill);
        std::vector<std::vector<int64_t>> groups(3);
        for (int64_t r = 0; r < base.live(); ++r)
          if (chosen[r])
            groups[base.groupOf(r)].push_back(r);
        Selection want(groups, bound, R), got = emptyTable(3, bound, R);
        check.run(kernelText("restrict", {intMatrix(R, 1), ints(4), ints(bound), ints(4), ints(R + 1), ints(bound)}),
                  {chosen, base.offset, got.row, got.offset, got.begin, got.slot}, 1);
        expectTable(check, got, want, "bound " + std::to_string(bound));
      }
}

KERNEL_CHECK(reindex_selection_closes_up) {
  const int64_t R = 64, S = 20, D = 9;
  std::string text =
      kernelText("reindex_selection", {ints(R), ints(D + 1), ints(R + 1), ints(S), ints(S), ints(D + 1)});
  for (int64_t live : {0, 1, 50, 64})
    for (int64_t kept : {0, 1, 20}) {
      Groups documents = Groups::random(check, D, live, R);
      std::vector<int64_t> rows(live);
      std::iota(rows.begin(), rows.end(), 0);
      std::shuffle(rows.begin(), rows.end(), check.random);
      rows.resize(std::min(live, kept));
      std::sort(rows.begin(), rows.end());
      Selection into({rows}, S, R);
      Buffer<int32_t> outRow(S), outOffset(D + 1), wantRow(S), wantOffset(D + 1);
      int32_t next = 0;
      for (int64_t d = 0; d < D; ++d) {
        wantOffset[d] = next;
        for (int64_t s = documents.offset[d]; s < documents.offset[d + 1]; ++s)
          for (int64_t q = 0; q < into.live(); ++q)
            if (into.row[q] == documents.row[s])
              wantRow[next++] = q;
      }
      wantOffset[D] = next;
      check.run(text, {documents.row, documents.offset, into.begin, into.slot, outRow, outOffset}, 1);
      check.expectSameBits(outOffset, wantOffset, "offset");
      check.expectSameBits(outRow, wantRow, "row");
    }
}

/// Random choices of 5 groups over the first `live` of R rows; group 3 is empty, and every seventh row has no slot.
static Selection randomSelection(Check &check, int64_t live, int64_t bound, int64_t R) {
  std::vector<std::vector<int64_t>> groups(5);
  for (int64_t g : {0, 1, 2, 4})
    for (int64_t r = 0; r < live; ++r)
      if (r % 7 != 0 && check.random() % 2)
        groups[g].push_back(r);
  return Selection(groups, bound, R);
}

KERNEL_CHECK(combine_sums_slots) {
  const int64_t R = 150, S = 400;
  for (std::string mode : {"", "<otherwise = true>", "<plus = true>"})
    for (int64_t D : {0, 1, 37, 64, 200}) // 0: vectors
      for (int64_t live : {0, 1, 147}) {
        int64_t width = std::max<int64_t>(D, 1);
        Selection table = randomSelection(check, live, S, R);
        Groups own = Groups::ofSizes({live, 0}, R);
        Buffer<float> x = check.uniforms(S * width), other = check.uniforms(R * width), y(R * width);
        killRows(x, table.live(), width);
        killRows(other, live, width);
        auto tensor = [&](int64_t rows) { return D ? memref({rows, D}) : memref({rows}); };
        std::vector<std::string> types = {tensor(S)};
        std::vector<Operand> operands = {x};
        if (!mode.empty()) {
          types.push_back(tensor(R));
          operands.push_back(other);
        }
        for (const std::string &type : {ints(3), ints(R + 1), ints(S), tensor(R)})
          types.push_back(type);
        for (const Operand &operand : std::vector<Operand>{own.offset, table.begin, table.slot, y})
          operands.push_back(operand);
        check.run(kernelText("combine" + (mode.empty() ? "<>" : mode), types), operands, 3, 2);
        Buffer<float> want(R * width);
        for (int64_t r = 0; r < live; ++r)
          for (int64_t d = 0; d < width; ++d) {
            bool isEmpty = table.begin[r] == table.begin[r + 1];
            float sum = mode == "<plus = true>" || (mode == "<otherwise = true>" && isEmpty) ? other[r * width + d] : 0;
            for (int64_t s = 0; s < table.live(); ++s)
              if (table.row[s] == r)
                sum += x[s * width + d];
            want[r * width + d] = sum;
          }
        check.expectSameBits(y, want, "D = " + std::to_string(D) + " " + mode);
      }
}

KERNEL_CHECK(slot_values_and_adjoint) {
  const int64_t R = 150, S = 400, E0 = 3, E1 = 6;
  const std::vector<int64_t> counts = {2, 3}; // groups 0 to 4; one and three null experts
  for (int64_t live : {0, 1, 147}) {
    Selection table = randomSelection(check, live, S, R);
    Buffer<float> first = check.uniforms(R * E0), second = check.uniforms(R * E1), w(S);
    check.run(kernelText("slot_values<" + list(counts) + ">",
                         {memref({R, E0}), memref({R, E1}), ints(S), ints(6), memref({S})}),
              {first, second, table.row, table.offset, w}, 5, 2);
    Buffer<float> want(S);
    Buffer<float> dw = check.uniforms(S), dfirst(R * E0), dsecond(R * E1);
    Buffer<float> wantFirst(R * E0, [](size_t) { return 0.0f; }), wantSecond(R * E1, [](size_t) { return 0.0f; });
    for (int64_t s = 0; s < table.live(); ++s) {
      int64_t g = table.groupOf(s), r = table.row[s];
      want[s] = g < 2 ? first[r * E0 + g] : second[r * E1 + g - 2];
      (g < 2 ? wantFirst[r * E0 + g] : wantSecond[r * E1 + g - 2]) = dw[s];
    }
    check.expectSameBits(w, want, "values");
    killRows(dw, table.live(), 1);
    check.run(kernelText("slot_values_backward<" + list(counts) + ">",
                         {memref({S}), ints(S), ints(6), memref({R, E0}), memref({R, E1})}),
              {dw, table.row, table.offset, dfirst, dsecond}, E0 + E1, 4);
    check.expectSameBits(dfirst, wantFirst, "first cotangent");
    check.expectSameBits(dsecond, wantSecond, "second cotangent");
  }
}

KERNEL_CHECK(count_chosen_counts_rows_of_groups) {
  const int64_t R = 100;
  for (int64_t E : {1, 4, 37}) {
    Groups groups = Groups::ofSizes({40, 0, 20, 37}, R);
    Buffer<int32_t> chosen = choices(check, R, E, Fill::random);
    Buffer<double> counts(4 * E), want(4 * E, [](size_t) { return 0.0; });
    for (int64_t r = 0; r < groups.live(); ++r)
      if (groups.groupOf(r) != 2)
        for (int64_t e = 0; e < E; ++e)
          want[groups.groupOf(r) * E + e] += chosen[r * E + e] != 0;
    check.run(kernelText("count_chosen<[0, 1, -1, 0]>", {intMatrix(R, E), ints(5), memref({4, E}, "f64")}),
              {chosen, groups.offset, counts}, 4, 3);
    check.expectSameBits(counts, want, "counts");
  }
}
