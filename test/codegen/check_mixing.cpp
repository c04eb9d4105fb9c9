// Checks soft mixing: softmaxes down the columns, weighted sums of rows and of slots, their products; against sums in
// double.
#include "KernelText.h"

using namespace kernelcheck;

namespace {

constexpr int64_t R = 150;
const std::vector<std::vector<int64_t>> kSizes = {{50, 20, 70}, {0, 0, 0}, {0, 9, 0}, {1, 0, 0}, {64, 0, 86}};

/// A mixture of one or two branches of the rows of three groups; those of the second group have none.
struct Mixture {
  Mixture(Check &check, const std::vector<int64_t> &sizes, std::vector<int64_t> columns, int64_t D)
      : groups(Groups::ofSizes(sizes, R)), columns(std::move(columns)), D(D), x(check.uniforms(R * D)),
        slots(check.uniforms(std::accumulate(this->columns.begin(), this->columns.end(), int64_t(0)) * D)) {
    owner = numBranches() == 1 ? std::vector<int64_t>{0, -1, 0} : std::vector<int64_t>{1, -1, 0};
    killRows(x, groups.live(), D);
    for (int64_t count : this->columns) {
      weights.push_back(check.uniforms(R * count));
      killRows(weights.back(), groups.live(), count);
      firstSlot.push_back(firstSlot.back() + count);
    }
  }
  /// The branch of a row, or -1.
  int64_t branchOf(int64_t r) const { return r < groups.live() ? owner[groups.groupOf(r)] : -1; }
  int64_t numBranches() const { return columns.size(); }
  std::vector<std::string> weightTypes() const {
    std::vector<std::string> types;
    for (int64_t count : columns)
      types.push_back(memref({R, count}));
    return types;
  }
  std::string family(const std::string &name) const { return name + "<" + list(owner) + ">"; }
  std::string rows() const { return memref({R, D}); }
  std::string slotsType() const { return memref({firstSlot.back(), D}); }

  Groups groups;
  std::vector<int64_t> columns, owner, firstSlot = {0};
  int64_t D;
  Buffer<float> x, slots;
  std::vector<Buffer<float>> weights;
};

template <typename Body> void forEachMixture(Check &check, Body body) {
  for (const std::vector<int64_t> &sizes : kSizes)
    for (const std::vector<int64_t> &columns : {std::vector<int64_t>{1}, {8, 3}, {5, 70}})
      for (int64_t D : {1, 16, 37, 200})
        body(Mixture(check, sizes, columns, D));
}

} // namespace

KERNEL_CHECK(static_groups_are_their_sizes) {
  for (const std::vector<int64_t> &sizes : {std::vector<int64_t>{1}, {3, 1, 14}, {40, 40, 40}}) {
    Groups want = Groups::ofSizes(sizes, std::accumulate(sizes.begin(), sizes.end(), int64_t(0)));
    int64_t S = want.live(), G = want.numGroups();
    Buffer<int32_t> row(S), offset(G + 1);
    check.run(kernelText("static_groups<" + list(sizes) + ">", {memref({S}, "i32"), memref({G + 1}, "i32")}),
              {row, offset}, 1, 1);
    check.expectSameBits(row, want.row, "row");
    check.expectSameBits(offset, want.offset, "offset");
  }
}

KERNEL_CHECK(softmax_rows_goes_down_the_columns) {
  const std::vector<int64_t> map = {0, -1, 1};
  for (const std::vector<int64_t> &sizes : kSizes)
    for (int64_t S : {1, 16, 37})
      for (float scale : {1.0f, 300.0f}) {
        Groups groups = Groups::ofSizes(sizes, R);
        auto isIn = [&](int64_t r) { return r < groups.live() && map[groups.groupOf(r)] >= 0; };
        Buffer<float> x(R * S, [&](size_t) { return scale * check.uniform(); }), y(R * S), dy = check.uniforms(R * S);
        Buffer<float> dx(R * S);
        x[S > 1 ? 1 : 0] = -std::numeric_limits<float>::infinity();
        if (sizes[0] == 1)
          x[0] = 0;
        for (int64_t r = 0; r < R; ++r)
          if (!isIn(r))
            std::fill_n(x.begin() + r * S, S, std::numeric_limits<float>::quiet_NaN());
        int64_t units = (S + 15) / 16;
        std::string type = memref({R, S}), offset = memref({4}, "i32");
        check.run(kernelText("softmax_rows<" + list(map) + ">", {type, offset, type}), {x, groups.offset, y}, units, 2);
        check.run(kernelText("softmax_rows_backward<" + list(map) + ">", {type, type, offset, type}),
                  {dy, y, groups.offset, dx}, units, 2);
        for (int64_t s = 0; s < S; ++s) {
          double largest = -std::numeric_limits<double>::infinity(), sum = 0, product = 0, magnitude = 0;
          int64_t count = 0;
          for (int64_t r = 0; r < R; ++r)
            if (isIn(r))
              largest = std::max(largest, double(x[r * S + s])), ++count;
          for (int64_t r = 0; r < R; ++r)
            if (isIn(r)) {
              sum += std::exp(x[r * S + s] - largest);
              product += double(dy[r * S + s]) * y[r * S + s];
              magnitude += std::fabs(double(dy[r * S + s]) * y[r * S + s]);
            }
          if (count == 1 && std::isinf(largest))
            continue; // the softmax of one -infinity is no number
          for (int64_t r = 0; r < R; ++r) {
            float got = y[r * S + s], gotBackward = dx[r * S + s];
            if (!isIn(r)) {
              check.expect(std::isnan(got) && std::isnan(gotBackward), "a row outside was written");
              continue;
            }
            double z = x[r * S + s] - largest - std::log(sum), want = std::exp(z);
            // The difference from the maximum is rounded, which the exponential multiplies; terms are summed in order.
            check.expectNear(got, want, (16 * (1 + std::min(std::fabs(z), 87.0)) + count) * kEpsilon * want + 1e-37,
                             "softmax");
            check.expectNear(gotBackward, got * (dy[r * S + s] - product),
                             kEpsilon * got * (4 * std::fabs(dy[r * S + s]) + (count + 4) * magnitude) + 1e-37,
                             "adjoint");
          }
        }
      }
}

KERNEL_CHECK(softmax_rows_of_nan_is_nan) {
  Groups groups = Groups::ofSizes({5}, 8);
  Buffer<float> x = check.uniforms(8 * 20), y(8 * 20);
  x[2 * 20 + 3] = std::numeric_limits<float>::quiet_NaN();
  check.run(kernelText("softmax_rows<[0]>", {memref({8, 20}), memref({2}, "i32"), memref({8, 20})}),
            {x, groups.offset, y}, 2);
  for (int64_t i = 0; i < 5 * 20; ++i)
    check.expect(std::isnan(y[i]) == (i % 20 == 3), "element " + std::to_string(i));
}

KERNEL_CHECK(mix_rows_sums_the_rows_of_a_branch) {
  forEachMixture(check, [&](Mixture mixture) {
    std::vector<std::string> types = mixture.weightTypes();
    std::vector<Operand> operands(mixture.weights.begin(), mixture.weights.end());
    types.insert(types.end(), {mixture.rows(), memref({4}, "i32"), mixture.slotsType()});
    Buffer<float> u(mixture.slots.size());
    operands.insert(operands.end(), {mixture.x, mixture.groups.offset, u});
    int64_t units = 0;
    for (int64_t count : mixture.columns)
      units += (count + 3) / 4 * ((mixture.D + 63) / 64);
    check.run(kernelText(mixture.family("mix_rows"), types), operands, units, 3);
    for (int64_t branch = 0; branch < mixture.numBranches(); ++branch)
      for (int64_t s = 0; s < mixture.columns[branch]; ++s)
        for (int64_t d = 0; d < mixture.D; ++d) {
          double want = 0, magnitude = 0;
          int64_t count = 0;
          for (int64_t r = 0; r < R; ++r)
            if (mixture.branchOf(r) == branch) {
              double term =
                  double(mixture.weights[branch][r * mixture.columns[branch] + s]) * mixture.x[r * mixture.D + d];
              want += term, magnitude += std::fabs(term), ++count;
            }
          check.expectNear(u[(mixture.firstSlot[branch] + s) * mixture.D + d], want, (count + 2) * kEpsilon * magnitude,
                           "slot " + std::to_string(s) + " of branch " + std::to_string(branch));
        }
  });
}

KERNEL_CHECK(unmix_rows_sums_the_slots_of_a_branch) {
  forEachMixture(check, [&](Mixture mixture) {
    std::vector<std::string> types = mixture.weightTypes();
    std::vector<Operand> operands(mixture.weights.begin(), mixture.weights.end());
    types.insert(types.end(), {mixture.slotsType(), memref({4}, "i32"), mixture.rows()});
    Buffer<float> y(R * mixture.D);
    operands.insert(operands.end(), {mixture.slots, mixture.groups.offset, y});
    check.run(kernelText(mixture.family("unmix_rows"), types), operands, (R + 63) / 64, 2);
    for (int64_t r = 0; r < R; ++r)
      for (int64_t d = 0; d < mixture.D; ++d) {
        int64_t branch = mixture.branchOf(r);
        if (branch < 0) {
          check.expect(std::isnan(y[r * mixture.D + d]), "a row outside was written");
          continue;
        }
        double want = 0, magnitude = 0;
        for (int64_t s = 0; s < mixture.columns[branch]; ++s) {
          double term = double(mixture.weights[branch][r * mixture.columns[branch] + s]) *
                        mixture.slots[(mixture.firstSlot[branch] + s) * mixture.D + d];
          want += term, magnitude += std::fabs(term);
        }
        check.expectNear(y[r * mixture.D + d], want, (mixture.columns[branch] + 1) * kEpsilon * magnitude,
                         "row " + std::to_string(r));
      }
  });
}

KERNEL_CHECK(mix_products_are_of_rows_and_slots) {
  forEachMixture(check, [&](Mixture mixture) {
    std::vector<std::string> types = {mixture.rows(), mixture.slotsType(), memref({4}, "i32")};
    std::vector<Operand> operands = {mixture.x, mixture.slots, mixture.groups.offset};
    for (auto &weights : mixture.weights) {
      std::fill(weights.begin(), weights.end(), std::numeric_limits<float>::quiet_NaN());
      operands.push_back(weights);
    }
    std::vector<std::string> weightTypes = mixture.weightTypes();
    types.insert(types.end(), weightTypes.begin(), weightTypes.end());
    check.run(kernelText(mixture.family("mix_products"), types), operands, (R + 63) / 64, 2);
    for (int64_t branch = 0; branch < mixture.numBranches(); ++branch)
      for (int64_t r = 0; r < R; ++r)
        for (int64_t s = 0; s < mixture.columns[branch]; ++s) {
          float got = mixture.weights[branch][r * mixture.columns[branch] + s];
          if (mixture.branchOf(r) != branch) {
            check.expect(std::isnan(got), "a row outside was written");
            continue;
          }
          double want = 0, magnitude = 0;
          for (int64_t d = 0; d < mixture.D; ++d) {
            double term =
                double(mixture.x[r * mixture.D + d]) * mixture.slots[(mixture.firstSlot[branch] + s) * mixture.D + d];
            want += term, magnitude += std::fabs(term);
          }
          // One rounding for each vector of 16 columns, and four over the lanes.
          check.expectNear(got, want, (mixture.D / 16 + 6) * kEpsilon * magnitude, "row " + std::to_string(r));
        }
  });
}
