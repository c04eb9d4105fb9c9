// Random microbatches.
#include "tools/interp/RandomRows.h"

namespace mlir::motley::interp {

uint64_t RandomStream::next() {
  state += 0x9E3779B97F4A7C15ull;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

/// What a dead row holds: an id that no table has.
static constexpr int64_t kGarbage = 1 << 30;

RowFields randomRows(ModuleOp module, int64_t numRows, int64_t numLive, int64_t vocabulary, RandomStream &random) {
  RowFields fields;
  for (Field field : {Field::token, Field::target, Field::modality, Field::document, Field::span, Field::order,
                      Field::position, Field::index})
    fields[field] = Tensor::ofInts({numRows}, kGarbage);
  fields[Field::weight] = Tensor::ofFloats({numRows});
  fields[Field::live] = Tensor::scalar(numLive);

  SmallVector<std::pair<int64_t, int64_t>> idRanges;
  for (ModalityOp modality : getModalities(module))
    idRanges.push_back({modality.getBegin(), modality.getEnd()});
  if (idRanges.empty())
    idRanges.push_back({0, vocabulary});

  int64_t numModalities = idRanges.size();
  constexpr double newDocument = 0.1, newRun = 0.25, noTarget = 0.1;
  int64_t document = -1, placeInDocument = 0, modality = 0, span = -1;
  auto at = [&](Field field, int64_t row) -> int64_t & { return fields[field].ints[row]; };
  for (int64_t r = 0; r < numLive; ++r) {
    bool startsDocument = r == 0 || random.unit() < newDocument;
    if (startsDocument) {
      ++document;
      placeInDocument = 0;
    }
    if (startsDocument || random.unit() < newRun) {
      // Every run but the first is of another modality than the one before: all of them occur.
      modality = r == 0 ? 0 : (modality + 1 + random.below(std::max<int64_t>(numModalities - 1, 1))) % numModalities;
      span += modality > 0;
    }
    auto [begin, end] = idRanges[modality];
    at(Field::token, r) = begin + random.below(end - begin);
    at(Field::modality, r) = modality;
    at(Field::document, r) = document;
    at(Field::span, r) = modality > 0 ? span : -1;
    at(Field::order, r) = at(Field::position, r) = placeInDocument++;
    at(Field::index, r) = r;
    fields[Field::weight].floats[r] = 0.5 + random.unit();
  }
  for (int64_t r = 0; r < numLive; ++r) {
    bool isLast = r + 1 == numLive || at(Field::document, r + 1) != at(Field::document, r);
    at(Field::target, r) = isLast || random.unit() < noTarget ? -1 : at(Field::token, r + 1);
  }
  return fields;
}

} // namespace mlir::motley::interp
