// mma.m8n8k4 with .f16 operands: four 8 x 8 x 4 products, each by the 8 lanes of a quad pair (PTX ISA 9.0, 9.7.14.5.1).
#include "engine/MatrixArithmetic.h"
#include "engine/MatrixFragment.h"

#include <bit>

namespace ptxsim {

namespace {

struct Place {
  unsigned row, column;
};

/// Element i of A or, with row and column exchanged, of B. `along`: a lane holds elements along k.
Place operandPlace(unsigned lane, unsigned i, bool along) {
  unsigned half = lane < 16 ? 0 : 4;
  return along ? Place{lane % 4 + half, i} : Place{i + half, lane % 4};
}

Place accumulatorPlace(unsigned lane, unsigned i, ptx::Type type) {
  unsigned half = lane < 16 ? 0 : 4;
  if (type == ptx::Type::F16)
    return {lane % 4 + half, i};
  return {(lane & 1) + (i & 2) + half, (i & 4) + (lane & 2) + (i & 1)};
}

struct QuadPair {
  float a[8][4], b[8][4], c[8][8]; ///< b by columns
  uint8_t undefinedRow[8] = {}, undefinedColumn[8] = {}, undefinedElement[8][8] = {};
};

uint16_t half(uint64_t value, unsigned i) { return value >> 16 * (i % 2); }

float toFloat(uint16_t bits) {
  uint16_t halves[8] = {bits};
  float floats[8];
  widen(ptx::Type::F16, halves, floats, 8);
  return floats[0];
}

void gatherLane(const MatrixKind &kind, const FragmentView &view, unsigned lane, QuadPair &pair) {
  bool poison = view.shadowSources != 0;
  for (unsigned i = 0; i < 4; ++i) {
    Place a = operandPlace(lane, i, !kind.columnA), b = operandPlace(lane, i, !kind.rowB);
    pair.a[a.row][a.column] = toFloat(half(view.value(lane, i / 2), i));
    pair.b[b.row][b.column] = toFloat(half(view.value(lane, 2 + i / 2), i));
    pair.undefinedRow[a.row] |= poison && half(view.shadow(lane, i / 2), i);
    pair.undefinedColumn[b.row] |= poison && half(view.shadow(lane, 2 + i / 2), i);
  }
  for (unsigned i = 0; i < 8; ++i) {
    Place c = accumulatorPlace(lane, i, kind.c);
    bool halves = kind.c == ptx::Type::F16;
    unsigned slot = 4 + (halves ? i / 2 : i);
    uint64_t value = view.value(lane, slot), shadow = poison ? view.shadow(lane, slot) : 0;
    pair.c[c.row][c.column] = halves ? toFloat(half(value, i)) : std::bit_cast<float>(uint32_t(value));
    pair.undefinedElement[c.row][c.column] = halves ? half(shadow, i) != 0 : uint32_t(shadow) != 0;
  }
}

void scatterLane(const MatrixKind &kind, const FragmentView &view, unsigned lane, const QuadPair &pair) {
  uint64_t values[8] = {}, shadows[8] = {};
  for (unsigned i = 0; i < 8; ++i) {
    Place d = accumulatorPlace(lane, i, kind.d);
    uint64_t undefined =
        pair.undefinedRow[d.row] | pair.undefinedColumn[d.column] | pair.undefinedElement[d.row][d.column];
    if (kind.d == ptx::Type::F16) {
      float values8[8] = {pair.c[d.row][d.column]};
      uint16_t halves[8];
      narrowToHalf(values8, halves, 8);
      values[i / 2] |= uint64_t(halves[0]) << 16 * (i % 2);
      shadows[i / 2] |= (undefined ? 0xffffull : 0) << 16 * (i % 2);
    } else {
      float sum = pair.c[d.row][d.column];
      values[i] = sum != sum ? kNanF32 : std::bit_cast<uint32_t>(sum);
      shadows[i] = undefined ? 0xffffffff : 0;
    }
  }
  for (unsigned r = 0; r < kind.numD; ++r) {
    view.lanes->out[lane][view.result + r] = values[r];
    if (view.shadowSources)
      view.lanes->out[lane][view.shadowResults + view.result + r] = shadows[r];
  }
}

} // namespace

void multiplyQuadPairs(const MatrixKind &kind, const FragmentView &view) {
  for (unsigned quad = 0; quad < 4; ++quad) {
    QuadPair pair;
    for (unsigned i = 0; i < 8; ++i)
      gatherLane(kind, view, 4 * quad + i % 4 + i / 4 * 16, pair);
    for (unsigned row = 0; row < 8; ++row)
      for (unsigned column = 0; column < 8; ++column)
        for (unsigned k = 0; k < 4; ++k)
          pair.c[row][column] += pair.a[row][k] * pair.b[column][k];
    for (unsigned i = 0; i < 8; ++i)
      scatterLane(kind, view, 4 * quad + i % 4 + i / 4 * 16, pair);
  }
}

} // namespace ptxsim
