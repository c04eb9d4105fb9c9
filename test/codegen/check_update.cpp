// Checks the norm of gradients and AdamW.
#include "KernelText.h"

using namespace kernelcheck;

KERNEL_CHECK(gradient_norm_over_blocks) {
  Buffer<float> small = check.uniforms(37), large = check.uniforms(150000), norm(1);
  Buffer<double> partial(4);
  std::string partials = memref({4}, "f64");
  check.run(kernelText("sum_squares", {memref({37}), "i64", partials}), {small, int64_t(0), partial}, 1);
  check.run(kernelText("sum_squares", {memref({5, 30, 1000}), "i64", partials}), {large, int64_t(1), partial}, 3, 1);
  check.run(kernelText("norm_finish", {partials, memref({1})}), {partial, norm}, 1);
  double want = 0;
  for (float x : small)
    want += double(x) * x;
  check.expectNear(partial[0], want, 1e-14 * want, "first block");
  for (float x : large)
    want += double(x) * x;
  check.expectNear(norm[0], std::sqrt(want), kEpsilon * std::sqrt(want), "norm");
}

/// Moments carry three roundings each; the move carries c = 8, of which the bias corrections are one each.
KERNEL_CHECK(adamw_steps) {
  const double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
  for (int64_t n : {5, 16384, 20001})
    for (double decay : {0.0, 0.1})
      for (double clip : {0.0, 1.0})
        for (float norm : {0.5f, 3.0f})
          for (int64_t step : {int64_t(1), int64_t(7), int64_t(1000000)}) {
            if (n > 5 && (step == 7 || norm < 1))
              continue;
            std::string type = memref({n});
            std::string text = kernelText("adamw<beta1 = " + number(beta1) + ", beta2 = " + number(beta2) +
                                              ", epsilon = " + number(epsilon) + ", weight_decay = " + number(decay) +
                                              ", clip = " + number(clip) + ">",
                                          {type, type, type, type, memref({1}), "f32", "i64"});
            Buffer<float> w = check.uniforms(n), g = check.uniforms(n), m = check.uniforms(n), v = check.uniforms(n);
            for (float &x : v)
              x = x * x;
            Buffer<float> newW = w.copy(), newM = m.copy(), newV = v.copy(), norms{norm};
            float rate = 0.01f;
            check.run(text, {newW, g, newM, newV, norms, rate, step}, (n + 16383) / 16384, 1);
            double scale = clip > 0 && norm > clip ? clip / norm : 1;
            for (int64_t i = 0; i < n; ++i) {
              double slope = scale * g[i];
              double wantM = beta1 * m[i] + (1 - beta1) * slope, wantV = beta2 * v[i] + (1 - beta2) * slope * slope;
              check.expectNear(newM[i], wantM, 4 * kEpsilon * (beta1 * std::fabs(m[i]) + 0.1 * std::fabs(slope)), "m");
              check.expectNear(newV[i], wantV, 6 * kEpsilon * wantV, "v");
              double root = std::sqrt(wantV / (1 - std::pow(beta2, double(step)))) + epsilon;
              double correction = 1 - std::pow(beta1, double(step));
              double move = wantM / correction / root + decay * w[i];
              double size =
                  (beta1 * std::fabs(m[i]) + 0.1 * std::fabs(slope)) / correction / root + decay * std::fabs(w[i]);
              check.expectNear(newW[i], w[i] - rate * move, kEpsilon * (std::fabs(w[i]) + 8 * rate * size), "w");
            }
          }
}

/// Runs of different rules in one bank, one element left out between two of them, with and without an average: each
/// element as adamw_steps checks it, by its own rule; what no run names stays.
KERNEL_CHECK(adamw_runs) {
  struct Run {
    int64_t from, to;
    double rate, decay;
    int64_t missed;
  };
  const Run runs[] = {{0, 16385, 1, 0, 0}, {16386, 16390, 0.25, 0.1, 2}, {16390, 40000, 2, 0.2, 0}};
  const double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, keep = 0.75;
  const int64_t n = 40001, step = 3;
  for (bool hasEma : {false, true}) {
    std::string rules;
    for (const Run &run : runs)
      rules += (rules.empty() ? "" : ", ") + std::string("#plan.run<") + std::to_string(run.from) + " to " +
               std::to_string(run.to) + " rate " + number(run.rate) + " decay " + number(run.decay) + " missed " +
               std::to_string(run.missed) + ">";
    std::string type = memref({n});
    std::vector<std::string> types{type, type, type, type};
    if (hasEma)
      types.push_back(type);
    types.insert(types.end(), {memref({1}), "f32", "i64"});
    std::string text =
        kernelText("adamw<beta1 = " + number(beta1) + ", beta2 = " + number(beta2) + ", epsilon = " + number(epsilon) +
                       ", weight_decay = " + number(0.5) + ", clip = " + number(0) +
                       (hasEma ? " ema = " + number(keep) : "") + " runs = [" + rules + "]>",
                   types);
    Buffer<float> w = check.uniforms(n), g = check.uniforms(n), m = check.uniforms(n), v = check.uniforms(n);
    for (float &x : v)
      x = x * x;
    Buffer<float> ema = check.uniforms(n);
    Buffer<float> newW = w.copy(), newM = m.copy(), newV = v.copy(), newEma = ema.copy(), norms{2.0f};
    float rate = 0.01f;
    constexpr int64_t units = 2 + 1 + 2;
    if (hasEma)
      check.run(text, {newW, g, newM, newV, newEma, norms, rate, step}, units, 1);
    else
      check.run(text, {newW, g, newM, newV, norms, rate, step}, units, 1);
    for (int64_t i = 0; i < n; ++i) {
      const Run *rule = nullptr;
      for (const Run &run : runs)
        if (i >= run.from && i < run.to)
          rule = &run;
      if (!rule) {
        check.expectNear(newW[i], w[i], 0, "w of no run");
        check.expectNear(newM[i], m[i], 0, "m of no run");
        check.expectNear(newEma[i], ema[i], 0, "average of no run");
        continue;
      }
      double wantM = beta1 * m[i] + (1 - beta1) * g[i], wantV = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
      double count = double(step - rule->missed), correction = 1 - std::pow(beta1, count);
      double root = std::sqrt(wantV / (1 - std::pow(beta2, count))) + epsilon;
      double move = wantM / correction / root + rule->decay * w[i];
      double size =
          (beta1 * std::fabs(m[i]) + 0.1 * std::fabs(g[i])) / correction / root + rule->decay * std::fabs(w[i]);
      double wantW = w[i] - rate * rule->rate * move;
      double tolerance = kEpsilon * (std::fabs(w[i]) + 9 * rate * rule->rate * size);
      check.expectNear(newW[i], wantW, tolerance, "w");
      if (hasEma)
        check.expectNear(newEma[i], keep * ema[i] + (1 - keep) * wantW,
                         tolerance + 3 * kEpsilon * (std::fabs(ema[i]) + std::fabs(wantW)), "average");
    }
  }
}
