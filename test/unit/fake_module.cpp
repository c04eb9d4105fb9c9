#include "fake_module.h"

#include "runtime/random.h"

#include <cmath>
#include <cstring>

namespace fake {

namespace {

constexpr int numKernels = 6;
enum Kernel { rowLoss, sumLosses, gradient, squareNorm, step, initialise };

const char *const manifest = R"({
  "abi": 2, "rows": 24,
  "modalities": [{"name": "text", "begin": 0, "end": 10}, {"name": "image", "begin": 10, "end": 16}],
  "train": {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8, "weight_decay": 0.0, "clip": 1000.0},
  "losses": ["ce", "z"],
  "state": [
    {"bank": "bank.logits", "slots": ["param", "grad", "m", "v"], "dtype": "f32", "shape": [16, 16],
     "members": [{"variable": "logits", "member": 0, "shape": [16, 16], "table": true}]},
    {"bank": "bank.w", "slots": ["param", "grad", "m", "v"], "dtype": "f32", "shape": [2, 3, 5, 32],
     "members": [{"variable": "w.wide", "member": 0, "panel": 0, "shape": [5, 40]},
                 {"variable": "w.short", "member": 0, "panel": 2, "shape": [4, 17]},
                 {"variable": "w.full", "member": 1, "panel": 0, "shape": [5, 96]}]},
    {"bank": "bank.norm", "slots": ["param", "grad", "m", "v"], "dtype": "f32", "shape": [2, 7],
     "members": [{"variable": "norm.a", "member": 0, "shape": [7]}, {"variable": "norm.b", "member": 1, "shape": [6]}]},
    {"bank": "bank.half", "slots": ["param"], "dtype": "bf16", "shape": [1, 1, 3, 32],
     "members": [{"variable": "half", "member": 0, "panel": 0, "shape": [3, 5]}]}
  ],
  "functions": [
    {"name": "init", "symbol": "fake_init", "arena_bytes": 0,
     "buffers": [{"kind": "state", "bank": "bank.logits", "slot": "param"}],
     "scalars": [{"name": "seed", "dtype": "i64"}], "launches": 1, "flops": 0, "bytes": 1024},
    {"name": "eval", "symbol": "fake_eval", "arena_bytes": 192,
     "buffers": [{"kind": "arena"},
                 {"kind": "field", "field": "token", "dtype": "i32", "shape": [24]},
                 {"kind": "field", "field": "target", "dtype": "i32", "shape": [24]},
                 {"kind": "field", "field": "weight", "dtype": "f32", "shape": [24]},
                 {"kind": "state", "bank": "bank.logits", "slot": "param"},
                 {"kind": "output", "name": "loss_sums", "dtype": "f64", "shape": [2, 2]}],
     "scalars": [{"name": "live", "dtype": "i32"}], "launches": 2, "flops": 1e3, "bytes": 1e3},
    {"name": "accumulate", "symbol": "fake_accumulate", "arena_bytes": 192,
     "buffers": [{"kind": "arena"},
                 {"kind": "field", "field": "token", "dtype": "i32", "shape": [24]},
                 {"kind": "field", "field": "target", "dtype": "i32", "shape": [24]},
                 {"kind": "field", "field": "weight", "dtype": "f32", "shape": [24]},
                 {"kind": "state", "bank": "bank.logits", "slot": "param"},
                 {"kind": "output", "name": "loss_sums", "dtype": "f64", "shape": [2, 2]},
                 {"kind": "state", "bank": "bank.logits", "slot": "grad"}],
     "scalars": [{"name": "live", "dtype": "i32"}, {"name": "add", "dtype": "i1"},
                 {"name": "inverse_normaliser", "dtype": "f32"}], "launches": 3, "flops": 1e4, "bytes": 1e4},
    {"name": "update", "symbol": "fake_update", "arena_bytes": 0,
     "buffers": [{"kind": "state", "bank": "bank.logits", "slot": "param"},
                 {"kind": "state", "bank": "bank.logits", "slot": "grad"},
                 {"kind": "state", "bank": "bank.logits", "slot": "m"},
                 {"kind": "state", "bank": "bank.logits", "slot": "v"},
                 {"kind": "output", "name": "gradient_norm", "dtype": "f32", "shape": [1]}],
     "scalars": [{"name": "learning_rate", "dtype": "f32"}, {"name": "step", "dtype": "i64"}],
     "launches": 2, "flops": 1e4, "bytes": 1e4}
  ],
  "kernels": [
    {"name": "row_loss", "family": "loss", "scratch_bytes": 64}, {"name": "sum_losses", "family": "reduce", "scratch_bytes": 0},
    {"name": "gradient", "family": "outer", "scratch_bytes": 0}, {"name": "square_norm", "family": "reduce", "scratch_bytes": 0},
    {"name": "step", "family": "update", "scratch_bytes": 0}, {"name": "initialise", "family": "init", "scratch_bytes": 0}
  ]
})";

template <typename T> T *slot(const void *args, int index) { return reinterpret_cast<T *const *>(args)[index]; }

template <typename T> T value(const void *args, int index) {
  T out;
  std::memcpy(&out, static_cast<const int64_t *>(args) + index, sizeof(T));
  return out;
}

int64_t bits(const void *pointer) { return reinterpret_cast<int64_t>(pointer); }

float logSumExp(const float *logits) {
  float largest = logits[0];
  for (int64_t j = 1; j < vocabulary; ++j)
    largest = std::fmax(largest, logits[j]);
  float sum = 0;
  for (int64_t j = 0; j < vocabulary; ++j)
    sum += std::exp(logits[j] - largest);
  return largest + std::log(sum);
}

// args: token, target, weight, logits, arena (weighted ce, then z, per row); one unit per live row
void runRowLoss(const void *args, void *scratch, int64_t begin, int64_t end) {
  const int32_t *token = slot<const int32_t>(args, 0), *target = slot<const int32_t>(args, 1);
  const float *weight = slot<const float>(args, 2), *logits = slot<const float>(args, 3);
  float *out = slot<float>(args, 4);
  static_cast<char *>(scratch)[0] = 1;
  for (int64_t row = begin; row < end; ++row) {
    const float *line = logits + token[row] * vocabulary;
    float lse = logSumExp(line);
    bool counts = target[row] >= 0;
    out[row] = counts ? weight[row] * (lse - line[target[row]]) : 0;
    out[rows + row] = counts ? weight[row] * 1e-4f * lse * lse : 0;
  }
}

// args: target, arena, sums [2][2], live; one unit
void runSumLosses(const void *args, void *, int64_t, int64_t) {
  const int32_t *target = slot<const int32_t>(args, 0);
  const float *losses = slot<const float>(args, 1);
  double *sums = slot<double>(args, 2);
  for (int i = 0; i < 4; ++i)
    sums[i] = 0;
  for (int64_t row = 0; row < value<int32_t>(args, 3); ++row)
    for (int loss = 0; loss < 2; ++loss)
      if (target[row] >= 0)
        sums[loss * 2 + (target[row] >= textEnd)] += losses[loss * rows + row];
}

// args: token, target, weight, logits, grad, live, add, inverse normaliser; one unit per token id
void runGradient(const void *args, void *, int64_t begin, int64_t end) {
  const int32_t *token = slot<const int32_t>(args, 0), *target = slot<const int32_t>(args, 1);
  const float *weight = slot<const float>(args, 2), *logits = slot<const float>(args, 3);
  float inverse = value<float>(args, 7);
  for (int64_t id = begin; id < end; ++id) {
    float *grad = slot<float>(args, 4) + id * vocabulary;
    const float *line = logits + id * vocabulary;
    float lse = logSumExp(line);
    for (int64_t j = 0; j < vocabulary && !value<int32_t>(args, 6); ++j)
      grad[j] = 0;
    for (int64_t row = 0; row < value<int32_t>(args, 5); ++row)
      for (int64_t j = 0; j < vocabulary && token[row] == id && target[row] >= 0; ++j)
        grad[j] += weight[row] * inverse * (std::exp(line[j] - lse) - (j == target[row] ? 1.0f : 0.0f));
  }
}

// args: grad, norm; one unit
void runSquareNorm(const void *args, void *, int64_t, int64_t) {
  const float *grad = slot<const float>(args, 0);
  double sum = 0;
  for (int64_t i = 0; i < vocabulary * vocabulary; ++i)
    sum += double(grad[i]) * grad[i];
  *slot<float>(args, 1) = float(std::sqrt(sum));
}

// args: param, grad, m, v, learning rate, step; one unit per token id
void runStep(const void *args, void *, int64_t begin, int64_t end) {
  float *param = slot<float>(args, 0), *m = slot<float>(args, 2), *v = slot<float>(args, 3);
  const float *grad = slot<const float>(args, 1);
  float rate = value<float>(args, 4);
  double count = double(value<int64_t>(args, 5));
  float correction1 = float(1 - std::pow(0.9, count)), correction2 = float(1 - std::pow(0.95, count));
  for (int64_t i = begin * vocabulary; i < end * vocabulary; ++i) {
    m[i] = 0.9f * m[i] + 0.1f * grad[i];
    v[i] = 0.95f * v[i] + 0.05f * grad[i] * grad[i];
    param[i] -= rate * (m[i] / correction1) / (std::sqrt(v[i] / correction2) + 1e-8f);
  }
}

// args: param, seed; one unit per token id
void runInitialise(const void *args, void *, int64_t begin, int64_t end) {
  motley::runtime::PhiloxKey key = motley::runtime::philoxKey(value<uint64_t>(args, 1));
  for (int64_t i = begin * vocabulary; i < end * vocabulary; ++i)
    slot<float>(args, 0)[i] = float(motley::runtime::philox4x32({uint32_t(i), 0, 0, 0}, key)[0] >> 8) * 0x1p-24f;
}

int32_t runLosses(motley_context *context, void *const *buffers, const int64_t *scalars) {
  int32_t live = int32_t(scalars[0]);
  int64_t lossArgs[] = {bits(buffers[1]), bits(buffers[2]), bits(buffers[3]), bits(buffers[4]), bits(buffers[0])};
  if (int32_t status = context->launch(context, rowLoss, lossArgs, &live, 1))
    return status;
  int64_t sumArgs[] = {bits(buffers[2]), bits(buffers[0]), bits(buffers[5]), live};
  return context->launch(context, sumLosses, sumArgs, nullptr, 1);
}

int32_t accumulateStep(motley_context *context, void *const *buffers, const int64_t *scalars) {
  if (int32_t status = runLosses(context, buffers, scalars))
    return status;
  int64_t args[] = {bits(buffers[1]), bits(buffers[2]), bits(buffers[3]), bits(buffers[4]),
                    bits(buffers[6]), scalars[0],       scalars[1],       scalars[2]};
  return context->launch(context, gradient, args, nullptr, vocabulary);
}

int32_t updateStep(motley_context *context, void *const *buffers, const int64_t *scalars) {
  int64_t normArgs[] = {bits(buffers[1]), bits(buffers[4])};
  if (int32_t status = context->launch(context, squareNorm, normArgs, nullptr, 1))
    return status;
  int64_t args[] = {bits(buffers[0]), bits(buffers[1]), bits(buffers[2]), bits(buffers[3]), scalars[0], scalars[1]};
  return context->launch(context, step, args, nullptr, vocabulary);
}

int32_t initStep(motley_context *context, void *const *buffers, const int64_t *scalars) {
  int64_t args[] = {bits(buffers[0]), scalars[0]};
  return context->launch(context, initialise, args, nullptr, vocabulary);
}

const motley_kernel kernels[MOTLEY_NUM_LEVELS * numKernels] = {
    runRowLoss, runSumLosses, runGradient, runSquareNorm, runStep, runInitialise,
    runRowLoss, runSumLosses, runGradient, runSquareNorm, runStep, runInitialise,
    runRowLoss, runSumLosses, runGradient, runSquareNorm, runStep, runInitialise,
};
const motley_step steps[] = {initStep, runLosses, accumulateStep, updateStep};

} // namespace

const char *manifestText() { return manifest; }

const motley_artifact_table *table() {
  static const motley_artifact_table out = {MOTLEY_ABI_VERSION, MOTLEY_NUM_LEVELS,     numKernels, 4,
                                            manifest,           std::strlen(manifest), kernels,    steps};
  return &out;
}

} // namespace fake

#ifdef MOTLEY_FAKE_MODULE_EXPORT
// Constant-initialised but for the length of the manifest, which a constructor of the library fills in.
extern "C" __attribute__((visibility("default"))) const motley_artifact_table motley_artifact = *fake::table();
#endif
