// Checks norms, their adjoints, and the kernels of biases.
//
// Tolerances are c * eps times the sum of the magnitudes that went in. c = 8 for a row: a mean and a root carry a few
// roundings each, and sums are folded over 64 lanes. c = 16 for sums over rows, which go in chunks of 64 and on.
#include "KernelText.h"

using namespace kernelcheck;

namespace {

struct Case {
  bool isLayer;
  int64_t heads, width;
  int64_t D() const { return heads * width; }
  int64_t statistics() const { return heads * (isLayer ? 2 : 1); }
  std::string kind() const { return isLayer ? "layer" : "rms"; }
};
const Case cases[] = {{false, 1, 64}, {false, 1, 37}, {false, 3, 24}, {false, 2, 128}, {true, 1, 200}, {true, 2, 40}};
constexpr int64_t R = 90;
constexpr double epsilon = 1e-5;
const std::vector<int64_t> map = {1, -1, 0, 1};

struct HeadStatistics {
  double mean = 0, inverse = 0;
};
HeadStatistics measure(const float *x, const Case &c) {
  HeadStatistics result;
  for (int64_t d = 0; c.isLayer && d < c.width; ++d)
    result.mean += x[d] / double(c.width);
  double squares = 0;
  for (int64_t d = 0; d < c.width; ++d)
    squares += (x[d] - result.mean) * (x[d] - result.mean) / c.width;
  result.inverse = 1 / std::sqrt(squares + epsilon);
  return result;
}

/// Statistics of every live row, as the forward kernel leaves them.
Buffer<float> statisticsOf(const Buffer<float> &x, const Groups &groups, const Case &c) {
  Buffer<float> statistics(R * c.statistics());
  for (int64_t r = 0; r < groups.live(); ++r)
    for (int64_t h = 0; h < c.heads; ++h) {
      HeadStatistics s = measure(&x[r * c.D() + h * c.width], c);
      float *to = &statistics[r * c.statistics() + h * (c.isLayer ? 2 : 1)];
      if (c.isLayer)
        *to++ = s.mean;
      *to = s.inverse;
    }
  return statistics;
}

} // namespace

KERNEL_CHECK(norm_normalises_each_head) {
  for (const Case &c : cases)
    for (const std::vector<int64_t> &sizes : {std::vector<int64_t>{20, 9, 0, 40}, {0, 0, 0, 0}, {0, 0, 1, 0}}) {
      Groups groups = Groups::ofSizes(sizes, R);
      Tiles tiles(groups, 16);
      int64_t D = c.D(), S = c.statistics();
      Buffer<float> x = check.uniforms(R * D), gain = check.uniforms(2 * c.width), bias = check.uniforms(2 * c.width);
      Buffer<float> y(R * D), statistics(R * S);
      killRows(x, groups.live(), D);
      std::vector<std::string> types = {memref({R, D}), memref({2, c.width}), tiles.type(), memref({R, D}),
                                        memref({R, S})};
      std::vector<Operand> operands = {x, gain, tiles.list, y, statistics};
      if (c.isLayer) {
        types.insert(types.begin() + 2, types[1]);
        operands.insert(operands.begin() + 2, bias);
      }
      check.run(kernelText("norm<" + c.kind() + ", heads = " + std::to_string(c.heads) +
                               ", epsilon = " + number(epsilon) + ", has_bias = " + (c.isLayer ? "true" : "false") +
                               ", map = " + list(map) + ">",
                           types),
                operands, tiles.count, 3);
      for (int64_t r = 0; r < R; ++r) {
        int64_t member = r < groups.live() ? map[groups.groupOf(r)] : -1;
        if (member < 0) {
          check.expect(std::isnan(y[r * D]), "row " + std::to_string(r) + " is dead but was written");
          continue;
        }
        for (int64_t h = 0; h < c.heads; ++h) {
          HeadStatistics want = measure(&x[r * D + h * c.width], c);
          check.expectNear(statistics[r * S + (c.isLayer ? 2 * h + 1 : h)], want.inverse, 8 * kEpsilon * want.inverse,
                           "inverse deviation");
          for (int64_t d = 0; d < c.width; ++d) {
            double g = gain[member * c.width + d], b = c.isLayer ? bias[member * c.width + d] : 0;
            double n = (x[r * D + h * c.width + d] - want.mean) * want.inverse;
            check.expectNear(y[r * D + h * c.width + d], n * g + b,
                             8 * kEpsilon * ((std::fabs(n) + want.inverse) * std::fabs(g) + std::fabs(b)),
                             c.kind() + " y");
          }
        }
      }
    }
}

KERNEL_CHECK(norm_of_a_row_does_not_depend_on_its_place) {
  const int64_t D = 200;
  std::string text =
      kernelText("norm<rms, heads = 1, epsilon = 1.0e-5 : f64, has_bias = false, map = [0]>",
                 {memref({R, D}), memref({1, D}), memref({8, 3}, "i32"), memref({R, D}), memref({R, 1})});
  Buffer<float> x = check.uniforms(R * D), gain = check.uniforms(D), y(R * D), moved(R * D), statistics(R);
  Buffer<float> shifted(R * D, [&](size_t i) { return x[(i + 13 * D) % (R * D)]; });
  Groups groups = Groups::ofSizes({R}, R);
  Tiles coarse(groups, 64), fine(groups, 12);
  check.run(text, {x, gain, coarse.list, y, statistics}, coarse.count);
  check.run(text, {shifted, gain, fine.list, moved, statistics}, fine.count);
  check.expectSameBits(moved, Buffer<float>(R * D, [&](size_t i) { return y[(i + 13 * D) % (R * D)]; }), "y");
}

KERNEL_CHECK(norm_backward_is_the_adjoint) {
  for (const Case &c : cases) {
    Groups groups = Groups::ofSizes({20, 9, 0, 40}, R);
    Tiles tiles(groups, 16);
    int64_t D = c.D(), S = c.statistics();
    Buffer<float> x = check.uniforms(R * D), dy = check.uniforms(R * D), gain = check.uniforms(2 * c.width), dx(R * D);
    killRows(dy, groups.live(), D);
    Buffer<float> statistics = statisticsOf(x, groups, c);
    check.run(kernelText(
                  "norm_backward<" + c.kind() + ", heads = " + std::to_string(c.heads) + ", map = " + list(map) + ">",
                  {memref({R, D}), memref({R, D}), memref({R, S}), memref({2, c.width}), tiles.type(), memref({R, D})}),
              {dy, x, statistics, gain, tiles.list, dx}, tiles.count, 3);
    for (int64_t r = 0; r < groups.live(); ++r) {
      int64_t member = map[groups.groupOf(r)];
      if (member < 0)
        continue;
      for (int64_t h = 0; h < c.heads; ++h) {
        int64_t at = r * D + h * c.width;
        HeadStatistics s = measure(&x[at], c);
        auto a = [&](int64_t d) { return double(dy[at + d]) * gain[member * c.width + d]; };
        auto n = [&](int64_t d) { return (x[at + d] - s.mean) * s.inverse; };
        double meanA = 0, meanAN = 0, magnitude = 0;
        for (int64_t d = 0; d < c.width; ++d) {
          meanA += c.isLayer ? a(d) / c.width : 0;
          meanAN += a(d) * n(d) / c.width;
          magnitude += std::fabs(a(d)) * (1 + std::fabs(n(d))) / c.width;
        }
        for (int64_t d = 0; d < c.width; ++d)
          check.expectNear(dx[at + d], s.inverse * (a(d) - meanA - n(d) * meanAN),
                           8 * kEpsilon * s.inverse * (std::fabs(a(d)) + magnitude * (1 + std::fabs(n(d)))),
                           c.kind() + " dx");
      }
    }
  }
}

KERNEL_CHECK(norm_gain_sums_rows_of_each_member) {
  for (const Case &c : cases)
    for (bool add : {false, true}) {
      Groups groups = Groups::ofSizes({20, 9, 0, 40}, R); // member 0 has no row
      int64_t D = c.D(), S = c.statistics(), blocks = (c.width + 63) / 64;
      Buffer<float> x = check.uniforms(R * D), dy = check.uniforms(R * D);
      killRows(dy, groups.live(), D);
      Buffer<float> statistics = statisticsOf(x, groups, c);
      Buffer<float> before = check.uniforms(3 * c.width), gain = before.copy(), bias = before.copy();
      std::string bank = memref({3, c.width});
      std::vector<std::string> types = {memref({R, D}), memref({R, D}), memref({R, S}), memref({5}, "i32"), "i1", bank};
      std::vector<Operand> operands = {dy, x, statistics, groups.offset, add, gain};
      if (c.isLayer) {
        types.push_back(bank);
        operands.push_back(bias);
      }
      check.run(kernelText("norm_gain<" + c.kind() + ", heads = " + std::to_string(c.heads) +
                               ", has_bias = " + (c.isLayer ? "true" : "false") + ", map = " + list(map) + ">",
                           types),
                operands, 2 * blocks, 1);
      for (int64_t m = 0; m < 3; ++m)
        for (int64_t d = 0; d < c.width; ++d) {
          int64_t i = m * c.width + d;
          if (m == 2) { // no group maps to it
            check.expect(gain[i] == before[i], "a foreign member was touched");
            continue;
          }
          double g = add ? before[i] : 0, b = g, magnitude = std::fabs(g);
          for (int64_t r = 0; r < groups.live(); ++r)
            for (int64_t h = 0; map[groups.groupOf(r)] == m && h < c.heads; ++h) {
              HeadStatistics s = measure(&x[r * D + h * c.width], c);
              double slope = dy[r * D + h * c.width + d], n = (x[r * D + h * c.width + d] - s.mean) * s.inverse;
              g += slope * n;
              b += slope;
              magnitude += std::fabs(slope) * (1 + std::fabs(n));
            }
          check.expectNear(gain[i], g, 16 * kEpsilon * magnitude, c.kind() + " gain");
          if (c.isLayer)
            check.expectNear(bias[i], b, 16 * kEpsilon * magnitude, c.kind() + " bias");
        }
    }
}

KERNEL_CHECK(bias_is_added_by_group) {
  for (int64_t N : {16, 37}) {
    Groups groups = Groups::ofSizes({20, 9, 0, 40}, R);
    Tiles tiles(groups, 16);
    Buffer<float> x = check.uniforms(R * N), bank = check.uniforms(2 * N), y(R * N);
    check.run(kernelText("bias<" + list(map) + ">", {memref({R, N}), memref({2, N}), tiles.type(), memref({R, N})}),
              {x, bank, tiles.list, y}, tiles.count, 2);
    for (int64_t r = 0; r < groups.live(); ++r)
      for (int64_t n = 0; n < N; ++n) {
        int64_t member = map[groups.groupOf(r)];
        check.expect(member < 0 ? std::isnan(y[r * N + n]) : y[r * N + n] == x[r * N + n] + bank[member * N + n],
                     "row " + std::to_string(r));
      }
  }
}

KERNEL_CHECK(column_sum_sums_rows_of_each_member) {
  for (int64_t N : {16, 64, 150})
    for (bool add : {false, true}) {
      Groups groups = Groups::ofSizes({20, 9, 0, 40}, R);
      Buffer<float> dy = check.uniforms(R * N), before = check.uniforms(2 * N), gradient = before.copy();
      killRows(dy, groups.live(), N);
      check.run(kernelText("column_sum<" + list(map) + ">", {memref({R, N}), memref({5}, "i32"), "i1", memref({2, N})}),
                {dy, groups.offset, add, gradient}, 2 * ((N + 63) / 64), 1);
      for (int64_t m = 0; m < 2; ++m)
        for (int64_t n = 0; n < N; ++n) {
          double want = add ? before[m * N + n] : 0, magnitude = std::fabs(want);
          for (int64_t r = 0; r < groups.live(); ++r)
            if (map[groups.groupOf(r)] == m) {
              want += dy[r * N + n];
              magnitude += std::fabs(dy[r * N + n]);
            }
          check.expectNear(gradient[m * N + n], want, 16 * kEpsilon * magnitude, "gradient");
        }
    }
}
