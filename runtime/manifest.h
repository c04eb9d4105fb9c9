// The manifest: what a compiled module says about itself, as JSON inside the artefact. Parsing checks every key, so the
// rest of the runtime reads plain structs.
#ifndef MOTLEY_RUNTIME_MANIFEST_H
#define MOTLEY_RUNTIME_MANIFEST_H

#include "runtime/dtype.h"
#include "runtime/status.h"

#include <string>
#include <string_view>
#include <vector>

namespace motley::runtime {

/// Columns of one panel of a packed matrix bank.
inline constexpr int64_t panelColumns = 32;

/// A modality owns the token ids [begin, end).
struct Modality {
  std::string name;
  int64_t begin = 0;
  int64_t end = 0;
};

/// Where one variable lives in a bank. Matrix bank: columns from 32 * panel of the member; vector bank: the member's
/// row; table: the whole member.
struct BankMember {
  std::string variable;
  int64_t member = 0;
  int64_t panel = 0;
  Shape shape; ///< the variable's own, row-major: [in, out], [D] or [V, D]
  bool table = false;
};

/// A bank: one buffer of `shape` for every slot. Shape [M, P, K, 32] is a matrix bank, [M, D] a vector bank or, where
/// its one member is a table, [V, D] itself.
struct StateBank {
  std::string name;
  std::vector<std::string> slots; ///< "param", "grad", "m", "v", "ema"
  DType dtype = DType::F32;
  Shape shape;
  std::vector<BankMember> members;
};

enum class BufferKind { Arena, Field, State, Output };

/// One entry of a function's `buffers` array.
struct BufferDesc {
  BufferKind kind = BufferKind::Arena;
  std::string name; ///< of the field, bank or output
  std::string slot; ///< of a state buffer
  DType dtype = DType::F32;
  Shape shape; ///< of a field ([rows]) or output
};

struct ScalarDesc {
  std::string name;
  DType dtype = DType::I32;
};

struct FunctionDesc {
  std::string name;
  std::string symbol;
  int64_t arenaBytes = 0;
  int64_t rows = 0; ///< extent of its fields; the module's where it has none
  std::vector<BufferDesc> buffers;
  std::vector<ScalarDesc> scalars;
  int64_t launches = 0; ///< kernel launches of one call
  double flops = 0;     ///< floating-point operations of one call with all rows live
  double bytes = 0;     ///< memory traffic of one call with all rows live
};

struct KernelDesc {
  std::string name;
  std::string family;
  int64_t scratchBytes = 0;
};

/// The optimiser's settings, for reports; the numbers are compiled into `update`.
struct TrainSettings {
  double beta1 = 0, beta2 = 0, epsilon = 0, weightDecay = 0, clip = 0;
  double ema = 0; ///< 0: there are no averages
};

/// A part of a run and the functions that it calls. Phases follow each other.
struct Phase {
  int64_t until = 0; ///< its last step; 0, of the last phase alone: it does not end
  double rate = 1;   ///< a factor of the learning rate
  std::string eval = "eval";
  std::string accumulate = "accumulate";
  std::string update = "update";
};

struct Manifest {
  int64_t abi = 0;
  std::string digest; ///< of what the module computes; empty: unknown
  int64_t rows = 0;
  std::vector<Modality> modalities;
  TrainSettings train;
  std::vector<Phase> phases; ///< at least one where the module can be trained
  std::vector<std::string> losses;
  std::vector<StateBank> state;
  std::vector<FunctionDesc> functions;
  std::vector<KernelDesc> kernels;
  std::string text; ///< the JSON itself

  /// One past the last token id of any modality.
  int64_t vocabulary() const;
  /// Index into `phases` of a step, which counts from 1; of the last one beyond the end.
  size_t phaseOf(int64_t step) const;
  /// Index into `functions`, or -1.
  int findFunction(const std::string &name) const;
  /// Index into `state`, or -1.
  int findBank(const std::string &name) const;
};

/// Parses and checks a manifest. `origin` (a file name) begins every message.
Result<Manifest> parseManifest(std::string_view json, const std::string &origin);

} // namespace motley::runtime

#endif // MOTLEY_RUNTIME_MANIFEST_H
