// The rows of one call: nine integers and weights for each token. Rows from `live` on are dead and may hold anything.
#ifndef MOTLEY_RUNTIME_MICROBATCH_H
#define MOTLEY_RUNTIME_MICROBATCH_H

#include "runtime/dtype.h"

#include <cstdint>
#include <string>
#include <vector>

namespace motley::runtime {

/// One row field passed to Session::run: `rows` elements (at least `live`) of i32, or f32 for "weight".
struct FieldArgument {
  std::string name;
  DType dtype = DType::I32;
  const void *data = nullptr;
  int64_t rows = 0;
};

/// Names and types of the row fields that a module may read.
struct FieldKind {
  const char *name;
  DType dtype;
};
inline constexpr FieldKind fieldKinds[] = {
    {"token", DType::I32},    {"target", DType::I32},   {"weight", DType::F32},
    {"modality", DType::I32}, {"document", DType::I32}, {"span", DType::I32},
    {"order", DType::I32},    {"position", DType::I32}, {"index", DType::I32},
};

/// Each vector holds `rows` elements; documents follow each other, each in `order`.
struct Microbatch {
  int64_t rows = 0;
  int64_t live = 0;
  std::vector<int32_t> token;
  std::vector<int32_t> target;   ///< -1: none
  std::vector<float> weight;     ///< of the row's losses; 0 where there is no target
  std::vector<int32_t> modality; ///< of the input token
  std::vector<int32_t> document; ///< 0, 1, 2, ... ascending
  std::vector<int32_t> span;     ///< -1: none; else the same for the tokens of one image
  std::vector<int32_t> order;    ///< what the mask compares; ascending in a document
  std::vector<int32_t> position; ///< what RoPE turns by
  std::vector<int32_t> index;    ///< of the token in the epoch's stream: decides ties, keys randomness

  /// All rows dead; every field `rows` long and zero.
  void reset(int64_t rows);
  /// All nine, for Session::run.
  std::vector<FieldArgument> fields() const;
};

} // namespace motley::runtime

#endif // MOTLEY_RUNTIME_MICROBATCH_H
