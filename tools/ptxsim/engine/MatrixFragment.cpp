// Fragments to tiles and back; the products themselves are in engine/MatrixArithmetic.
#include "engine/MatrixFragment.h"

#include "engine/MatrixArithmetic.h"

#include <bit>
#include <cfenv>
#include <cstring>

namespace ptxsim {

using ptx::Type;

namespace {

constexpr unsigned kMaxRegisters = 8; ///< of A or B

/// Slots first.. of all lanes, register by register.
template <class Word> void gather(const FragmentView &view, unsigned first, unsigned count, Word (*registers)[32]) {
  for (unsigned k = 0; k < count; ++k) {
    int32_t place = view.source(first + k);
    const uint64_t *const *base = place >= 0 ? view.lanes->in : view.lanes->out;
    uint32_t slot = place >= 0 ? place : ~place;
    for (unsigned lane = 0; lane < 32; ++lane)
      registers[k][lane] = Word(base[lane][slot]);
  }
}

template <class Word>
void gatherShadows(const FragmentView &view, unsigned first, unsigned count, Word (*registers)[32]) {
  for (unsigned k = 0; k < count; ++k)
    for (unsigned lane = 0; lane < 32; ++lane)
      registers[k][lane] = Word(view.shadow(lane, first + k));
}

/// Which lines (rows of A, columns of B) and words along k a register holds, in units of 8 and of 4.
struct OperandShape {
  unsigned lineBlocks, wordBlocks;
  bool linesFirst;
  unsigned registers() const { return lineBlocks * wordBlocks; }
  unsigned lineBlock(unsigned r) const { return linesFirst ? r % lineBlocks : r / wordBlocks; }
  unsigned wordBlock(unsigned r) const { return linesFirst ? r / lineBlocks : r % wordBlocks; }
};

OperandShape shapeA(const MatrixKind &kind) {
  unsigned bits = ptx::bitWidth(kind.a), word = bits == 64 ? 64 : 32;
  return {kind.m / 8, kind.k * bits / (4 * word), true};
}

OperandShape shapeB(const MatrixKind &kind) {
  unsigned bits = ptx::bitWidth(kind.b), word = bits == 64 ? 64 : 32;
  return {kind.n / 8, kind.k * bits / (4 * word), false};
}

/// Registers to lines of consecutive words.
template <class Word> void assemble(const OperandShape &shape, const Word (*registers)[32], Word *lines) {
  unsigned width = 4 * shape.wordBlocks;
  for (unsigned r = 0; r < shape.registers(); ++r)
    for (unsigned group = 0; group < 8; ++group)
      memcpy(lines + (shape.lineBlock(r) * 8 + group) * width + 4 * shape.wordBlock(r), registers[r] + 4 * group,
             4 * sizeof(Word));
}

/// A bit for each line that has an undefined bit.
template <class Word> uint32_t undefinedLines(const FragmentView &view, unsigned first, const OperandShape &shape) {
  uint32_t lines = 0;
  for (unsigned r = 0; r < shape.registers(); ++r)
    for (unsigned lane = 0; lane < 32; ++lane)
      if (Word(view.shadow(lane, first + r)))
        lines |= 1u << (shape.lineBlock(r) * 8 + lane / 4);
  return lines;
}

/// The shadows of D: an element is undefined if its row of A, its column of B or its element of C is.
void spreadPoison(const MatrixKind &kind, const FragmentView &view) {
  bool wide = ptx::bitWidth(kind.a) == 64;
  uint32_t rows =
      wide ? undefinedLines<uint64_t>(view, 0, shapeA(kind)) : undefinedLines<uint32_t>(view, 0, shapeA(kind));
  uint32_t columns = wide ? undefinedLines<uint64_t>(view, kind.numA, shapeB(kind))
                          : undefinedLines<uint32_t>(view, kind.numA, shapeB(kind));
  unsigned rowBlocks = kind.m / 8, first = kind.numA + kind.numB;
  bool halvesC = kind.c == Type::F16, halvesD = kind.d == Type::F16;
  uint64_t full = kind.d == Type::F64 ? ~0ull : 0xffffffffull;
  for (unsigned lane = 0; lane < 32; ++lane) {
    uint64_t *shadows = view.lanes->out[lane] + view.shadowResults + view.result;
    for (unsigned pair = 0; pair < kind.m * kind.n / 64; ++pair) {
      uint32_t row = rows >> (pair % rowBlocks * 8 + lane / 4) & 1;
      bool undefined[2];
      for (unsigned i = 0; i < 2; ++i) {
        uint64_t accumulator = halvesC ? view.shadow(lane, first + pair) >> (16 * i) & 0xffff
                                       : view.shadow(lane, first + 2 * pair + i) & full;
        undefined[i] = row || columns >> (pair / rowBlocks * 8 + 2 * (lane % 4) + i) & 1 || accumulator;
      }
      if (halvesD)
        shadows[pair] = (undefined[0] ? 0xffff : 0) | (undefined[1] ? 0xffff0000 : 0);
      else
        for (unsigned i = 0; i < 2; ++i)
          shadows[2 * pair + i] = undefined[i] ? full : 0;
    }
  }
}

/// The slots of C in the order of the blocks that multiplyBlocks takes: 2 lane + i within a pair's block.
void gatherPairs(const FragmentView &view, unsigned first, unsigned pairs, uint32_t *blocks) {
  unsigned slot = 0;
  for (; slot + 4 <= 2 * pairs; slot += 4) {
    int32_t place = view.source(first + slot), step = place >= 0 ? 1 : -1;
    bool together = true;
    for (int i = 1; i < 4; ++i)
      together &= view.source(first + slot + i) == place + i * step;
    if (!together)
      break;
    if (place >= 0)
      loadLanes(view.lanes->in, place, blocks + slot * 32);
    else
      loadLanes(view.lanes->out, ~place, blocks + slot * 32);
  }
  for (; slot < 2 * pairs; ++slot)
    for (unsigned lane = 0; lane < 32; ++lane)
      blocks[slot / 2 * 64 + 2 * lane + slot % 2] = uint32_t(view.value(lane, first + slot));
}

/// `numbers`: floats, whose NaN become the one that the chip writes.
void scatterPairs(const FragmentView &view, unsigned pairs, const uint32_t *blocks, bool numbers) {
  unsigned slot = 0;
  for (; slot + 4 <= 2 * pairs; slot += 4)
    storeLanes(view.lanes->out, view.result + slot, blocks + slot * 32, numbers);
  // Only integers have as few as two.
  for (; slot < 2 * pairs; ++slot)
    for (unsigned lane = 0; lane < 32; ++lane)
      view.lanes->out[lane][view.result + slot] = blocks[slot / 2 * 64 + 2 * lane + slot % 2];
}

void scatterHalves(const FragmentView &view, unsigned pairs, const uint16_t *blocks) {
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned pair = 0; pair < pairs; ++pair) {
      uint32_t both;
      memcpy(&both, blocks + pair * 64 + 2 * lane, 4);
      view.lanes->out[lane][view.result + pair] = both;
    }
}

/// A's rows, or B's columns in blocks, as floats.
const float *operandTile(const FragmentView &view, unsigned operand, unsigned first, const OperandShape &shape,
                         Type type, unsigned k, TileCache &cache) {
  bool found;
  unsigned lines = shape.lineBlocks * 8;
  TileCache::Tile &tile = cache.look(operand, view, first, shape.registers(), type, lines, found);
  if (found)
    return tile.values;
  alignas(64) uint32_t registers[kMaxRegisters][32], words[kMaxRegisters * 32];
  gather(view, first, shape.registers(), registers);
  assemble(shape, registers, words);
  if (operand == 0) {
    widen(type, words, tile.values, lines * k);
    return tile.values;
  }
  alignas(64) float columns[TileCache::kMaxTile];
  widen(type, words, columns, lines * k);
  blockColumns(columns, tile.values, shape.lineBlocks, k);
  return tile.values;
}

void addToAccumulators(const MatrixKind &kind, const FragmentView &view, const float *sums) {
  unsigned pairs = kind.m * kind.n / 64;
  alignas(64) uint32_t blocks[256];
  gatherPairs(view, kind.numA + kind.numB, pairs, blocks);
  for (unsigned i = 0; i < pairs * 64; ++i) {
    int32_t sum = int32_t(sums[i]);
    int64_t total = int64_t(int32_t(blocks[i])) + sum;
    if (kind.saturate)
      total = std::min<int64_t>(std::max<int64_t>(total, INT32_MIN), INT32_MAX);
    blocks[i] = uint32_t(total);
  }
  scatterPairs(view, pairs, blocks, false);
}

void multiplyNumbers(const MatrixKind &kind, const FragmentView &view, TileCache &cache) {
  const float *a = operandTile(view, 0, 0, shapeA(kind), kind.a, kind.k, cache);
  const float *b = operandTile(view, 1, kind.numA, shapeB(kind), kind.b, kind.k, cache);
  unsigned pairs = kind.m * kind.n / 64, first = kind.numA + kind.numB;
  alignas(64) float sums[256];
  if (kind.c == Type::S32) {
    // Exact: at most 64 products below 2^16 (16 x 16 for the longest), so every sum is below 2^24.
    memset(sums, 0, sizeof sums);
    multiplyBlocks(a, b, sums, kind.m / 8, kind.n / 8, kind.k);
    addToAccumulators(kind, view, sums);
    return;
  }
  if (kind.c == Type::F16) {
    alignas(64) uint32_t halves[4][32];
    gather(view, first, pairs, halves);
    widen(Type::F16, halves, sums, pairs * 64);
  } else {
    gatherPairs(view, first, pairs, reinterpret_cast<uint32_t *>(sums));
  }
  multiplyBlocks(a, b, sums, kind.m / 8, kind.n / 8, kind.k);
  if (kind.d == Type::F16) {
    alignas(64) uint16_t halves[256];
    narrowToHalf(sums, halves, pairs * 64);
    scatterHalves(view, pairs, halves);
    return;
  }
  scatterPairs(view, pairs, reinterpret_cast<const uint32_t *>(sums), true);
}

void multiplyBits(const MatrixKind &kind, const FragmentView &view) {
  alignas(64) uint32_t registers[kMaxRegisters][32], rows[kMaxRegisters * 32], columns[kMaxRegisters * 32];
  gather(view, 0, kind.numA, registers);
  assemble(shapeA(kind), registers, rows);
  gather(view, kind.numA, kind.numB, registers);
  assemble(shapeB(kind), registers, columns);
  unsigned words = kind.k / 32, rowBlocks = kind.m / 8, pairs = kind.m * kind.n / 64;
  alignas(64) uint32_t blocks[256];
  gatherPairs(view, kind.numA + kind.numB, pairs, blocks);
  for (unsigned row = 0; row < kind.m; ++row)
    for (unsigned column = 0; column < kind.n; ++column) {
      uint32_t count = 0;
      for (unsigned word = 0; word < words; ++word) {
        uint32_t x = rows[row * words + word], y = columns[column * words + word];
        count += std::popcount(kind.bitsAnd ? x & y : x ^ y);
      }
      blocks[(row / 8 + column / 8 * rowBlocks) * 64 + row % 8 * 8 + column % 8] += count;
    }
  scatterPairs(view, pairs, blocks, false);
}

void multiplyDoubles(const MatrixKind &kind, const FragmentView &view) {
  uint64_t registers[kMaxRegisters][32];
  alignas(64) double rows[16 * 16], columns[8 * 16];
  gather(view, 0, kind.numA, registers);
  assemble(shapeA(kind), registers, reinterpret_cast<uint64_t *>(rows));
  gather(view, kind.numA, kind.numB, registers);
  assemble(shapeB(kind), registers, reinterpret_cast<uint64_t *>(columns));
  int before = fegetround();
  if (kind.rounding != before)
    fesetround(kind.rounding);
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned e = 0; e < kind.numC; ++e) {
      unsigned row = lane / 4 + 8 * (e / 2 % (kind.m / 8)), column = 2 * (lane % 4) + e % 2;
      double sum = fusedSum(rows + row * kind.k, columns + column * kind.k,
                            std::bit_cast<double>(view.value(lane, kind.numA + kind.numB + e)), kind.k);
      view.lanes->out[lane][view.result + e] = sum != sum ? kNanF64 : std::bit_cast<uint64_t>(sum);
    }
  if (kind.rounding != before)
    fesetround(before);
}

thread_local TileCache singleProductCache;

} // namespace

TileCache::Tile &TileCache::look(unsigned operand, const FragmentView &view, unsigned firstSlot, unsigned count,
                                 Type type, unsigned lines, bool &found) {
  found = false;
  // Results may still change, sources do not; and longer lists of slots are rare.
  Key key;
  bool fits = count <= 4;
  for (unsigned i = 0; fits && i < count; ++i) {
    key.slots[i] = view.source(firstSlot + i);
    fits = key.slots[i] >= 0;
  }
  if (!fits)
    return spare[operand];
  key.type = type;
  key.lines = lines;
  for (unsigned i = 0; i < std::min(used[operand], kTiles); ++i)
    if (tiles[operand][i].key == key) {
      found = true;
      return tiles[operand][i];
    }
  Tile &tile = tiles[operand][used[operand]++ % kTiles];
  tile.key = key;
  return tile;
}

bool completeKind(MatrixKind &kind, bool wmma) {
  unsigned bitsA = ptx::bitWidth(kind.a), bitsB = ptx::bitWidth(kind.b);
  unsigned word = bitsA == 64 ? 64 : 32;
  if (kind.quadPairs) {
    kind.numA = kind.numB = 2;
    kind.numC = kind.c == Type::F16 ? 4 : 8;
    kind.numD = kind.d == Type::F16 ? 4 : 8;
    return true;
  }
  kind.numA = kind.m * kind.k * bitsA / (32 * word);
  kind.numB = kind.k * kind.n * bitsB / (32 * word);
  if (kind.numA == 0 || kind.numB == 0 || kind.numA > kMaxRegisters || kind.numB > kMaxRegisters)
    return false;
  if (wmma && kind.a == Type::F16)
    kind.numA = kind.numB = 8; // some elements twice (PTX ISA 9.0, 9.7.14.4.1)
  kind.numC = kind.m * kind.n / (kind.c == Type::F16 ? 64 : 32);
  kind.numD = kind.m * kind.n / (kind.d == Type::F16 ? 64 : 32);
  return true;
}

void multiplyFragments(const MatrixKind &kind, const FragmentView &view, TileCache *cache) {
  if (kind.quadPairs)
    return multiplyQuadPairs(kind, view);
  if (kind.a == Type::F64)
    multiplyDoubles(kind, view);
  else if (kind.a == Type::B1)
    multiplyBits(kind, view);
  else {
    TileCache &tiles = cache ? *cache : singleProductCache;
    if (!cache)
      tiles.forget();
    multiplyNumbers(kind, view, tiles);
  }
  if (view.shadowSources)
    spreadPoison(kind, view);
}

} // namespace ptxsim
