// Checks map, fill and merge.
#include "KernelText.h"

using namespace kernelcheck;

KERNEL_CHECK(fill_writes_every_element) {
  for (int64_t n : {1, 16, 4095, 4097, 10000}) {
    Buffer<float> y(n);
    check.run(kernelText("fill<2.5 : f32>", {memref({n})}), {y}, (n + 4095) / 4096, 1);
    check.expectSameBits(y, Buffer<float>(n, [](size_t) { return 2.5f; }), "y");
  }
}

KERNEL_CHECK(map_applies_its_region) {
  std::string body = "^bb0(%a: f32, %b: f32, %s: f32):\n"
                     "  %c = arith.constant 3.0 : f32\n"
                     "  %p = arith.mulf %a, %s : f32\n"
                     "  %q = arith.addf %p, %b : f32\n"
                     "  %r = arith.mulf %b, %c : f32\n"
                     "  motley.yield %q, %r : f32, f32";
  for (int64_t n : {1, 15, 16, 4096, 5003}) {
    std::string type = memref({n});
    Buffer<float> a = check.uniforms(n), b = check.uniforms(n), q(n), r(n);
    check.run(kernelText("map<num_inputs = 3>", {type, type, "f32", type, type}, body), {a, b, 0.3f, q, r},
              (n + 4095) / 4096, 1);
    check.expectSameBits(q, Buffer<float>(n, [&](size_t i) { return float(a[i] * 0.3f) + b[i]; }), "q");
    check.expectSameBits(r, Buffer<float>(n, [&](size_t i) { return b[i] * 3.0f; }), "r");
  }
}

/// Activations against the library's functions in double. c = 16 roundings of what goes in, |x| + 1: the polynomials of
/// exp and erf are within a few units in the last place, the rest is five operations or fewer.
KERNEL_CHECK(map_activations_are_accurate) {
  auto phi = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
  auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  struct Activation {
    const char *name;
    std::function<double(double)> want;
  } activations[] = {
      {"silu", [&](double x) { return x * sigmoid(x); }},
      {"silu_slope", [&](double x) { return sigmoid(x) * (1 + x * (1 - sigmoid(x))); }},
      {"gelu", [&](double x) { return x * phi(x); }},
      {"gelu_slope", [&](double x) { return phi(x) + x * std::exp(-x * x / 2) / std::sqrt(2 * M_PI); }},
      {"relu", [](double x) { return x > 0 ? x : 0; }},
      {"relu_slope", [](double x) { return x > 0 ? 1 : 0; }},
  };
  const int64_t n = 4000;
  Buffer<float> x(n, [](size_t i) { return float((int64_t(i) - 2000) * 0.05f); }), y(n); // -100 to 100
  for (const Activation &activation : activations) {
    std::string name = activation.name;
    check.run(kernelText("map<num_inputs = 1>", {memref({n}), memref({n})},
                         "^bb0(%a: f32):\n  %r = motley." + name + " %a : f32\n  motley.yield %r : f32"),
              {x, y}, 1);
    for (int64_t i = 0; i < n; ++i)
      check.expectNear(y[i], activation.want(x[i]), 16 * kEpsilon * (std::fabs(x[i]) + 1),
                       name + " at " + std::to_string(x[i]));
  }
}

KERNEL_CHECK(map_functions_are_accurate) {
  struct Function {
    const char *name;
    double lower, upper;
    std::function<double(double)> want;
  } functions[] = {
      {"math.exp", -80, 80, [](double x) { return std::exp(x); }},
      {"math.log", 1e-6, 100, [](double x) { return std::log(x); }},
      {"math.tanh", -12, 12, [](double x) { return std::tanh(x); }},
      {"math.erf", -6, 6, [](double x) { return std::erf(x); }},
      {"math.sqrt", 0, 100, [](double x) { return std::sqrt(x); }},
      {"math.rsqrt", 1e-3, 100, [](double x) { return 1 / std::sqrt(x); }},
      {"math.expm1", -20, 20, [](double x) { return std::expm1(x); }},
      {"math.expm1", -1e-3, 1e-3, [](double x) { return std::expm1(x); }},
      {"math.log1p", -0.99, 100, [](double x) { return std::log1p(x); }},
      {"math.log1p", -1e-3, 1e-3, [](double x) { return std::log1p(x); }},
      {"math.absf", -10, 10, [](double x) { return std::fabs(x); }},
      {"math.floor", -10, 10, [](double x) { return std::floor(x); }},
      {"math.ceil", -10, 10, [](double x) { return std::ceil(x); }},
  };
  const int64_t n = 4096;
  for (const Function &function : functions) {
    Buffer<float> x(n, [&](size_t i) { return float(function.lower + (function.upper - function.lower) * i / n); }),
        y(n);
    check.run(kernelText("map<num_inputs = 1>", {memref({n}), memref({n})},
                         "^bb0(%a: f32):\n  %r = " + std::string(function.name) + " %a : f32\n  motley.yield %r : f32"),
              {x, y}, 1);
    // 8 units in the last place of the result, and of 1e-2 near a zero of the logarithm.
    for (int64_t i = 0; i < n; ++i) {
      double want = function.want(x[i]);
      check.expectNear(y[i], want, 8 * kEpsilon * std::max(std::fabs(want), 1e-2),
                       std::string(function.name) + " at " + std::to_string(x[i]));
    }
  }
}

/// An angle is known to 2^-24 of a turn, whatever its sine: c = 8 roundings of 1.
KERNEL_CHECK(map_sine_and_cosine_are_accurate) {
  const int64_t n = 4096;
  for (double range : {4.0, 100.0, 1e4}) {
    Buffer<float> x(n, [&](size_t i) { return float(range * (2.0 * i / n - 1)); }), sine(n), cosine(n);
    check.run(kernelText("map<num_inputs = 1>", {memref({n}), memref({n}), memref({n})},
                         "^bb0(%a: f32):\n  %s = math.sin %a : f32\n  %c = math.cos %a : f32\n"
                         "  motley.yield %s, %c : f32, f32"),
              {x, sine, cosine}, 1);
    for (int64_t i = 0; i < n; ++i) {
      check.expectNear(sine[i], std::sin(double(x[i])), 8 * kEpsilon, "sin at " + std::to_string(x[i]));
      check.expectNear(cosine[i], std::cos(double(x[i])), 8 * kEpsilon, "cos at " + std::to_string(x[i]));
    }
  }
}

/// Comparisons choose element by element; a maximum with NaN is NaN.
KERNEL_CHECK(map_conditions) {
  const int64_t n = 40;
  float nan = std::numeric_limits<float>::quiet_NaN();
  Buffer<float> x(n, [&](size_t i) { return i == 7 ? nan : float(i) - 20; }), y(n), z(n);
  check.run(kernelText("map<num_inputs = 1>", {memref({n}), memref({n}), memref({n})},
                       "^bb0(%a: f32):\n  %l = arith.constant -3.0 : f32\n  %h = arith.constant 5.0 : f32\n"
                       "  %p = arith.cmpf ogt, %a, %l : f32\n  %q = arith.cmpf olt, %a, %h : f32\n"
                       "  %b = arith.andi %p, %q : i1\n  %y = arith.select %b, %a, %h : f32\n"
                       "  %z = arith.maximumf %a, %l : f32\n  motley.yield %y, %z : f32, f32"),
            {x, y, z}, 1);
  for (int64_t i = 0; i < n; ++i) {
    check.expect(y[i] == (x[i] > -3 && x[i] < 5 ? x[i] : 5), "select at " + std::to_string(i));
    check.expect(std::isnan(x[i]) ? std::isnan(z[i]) : z[i] == std::max(x[i], -3.0f), "max at " + std::to_string(i));
  }
}

KERNEL_CHECK(merge_takes_rows_from_their_owner) {
  const int64_t R = 50;
  for (int64_t D : {1, 16, 37}) {
    Groups groups = Groups::ofSizes({7, 0, 20, 3}, R);
    Tiles tiles(groups, 8);
    Buffer<float> a = check.uniforms(R * D), b = check.uniforms(R * D), y(R * D);
    std::string type = D == 1 ? memref({R}) : memref({R, D});
    check.run(kernelText("merge<[0, 1, 1, 0]>", {type, type, tiles.type(), type}), {a, b, tiles.list, y}, tiles.count,
              2);
    for (int64_t s = 0; s < groups.live(); ++s) {
      bool fromB = groups.groupOf(s) == 1 || groups.groupOf(s) == 2;
      for (int64_t d = 0; d < D; ++d)
        check.expect(y[s * D + d] == (fromB ? b : a)[s * D + d], "row " + std::to_string(s));
    }
    check.expect(std::isnan(y[groups.live() * D]), "a dead row was written");
  }
}
