// How the matrices of mma and wmma lie in the registers of a warp, and the product of fragments.
//
// All figures of PTX ISA 9.0, 9.7.14.5 "Matrix Fragments for mma..." but the one of m8n8k4 with .f16 are one scheme.
// Lane 4 g + t holds of operand A, in register r, the word (the 32 or, for f64, 64 bits of consecutive k) number
// t + 4 (r / R) of row g + 8 (r % R), where R = m / 8. B is the same with columns for rows, but its registers go along
// k first. Of C and D it holds the elements 2 t + i, i = 0 and 1, of row g + 8 (p % R) in pair p, and further pairs go
// on to the right by 8 columns. The layouts of wmma fragments are unspecified; ptxsim lets them follow the same scheme.
#pragma once

#include "engine/Rendezvous.h"

namespace ptxsim {

/// A shape and its types, as decoded from the modifiers.
struct MatrixKind {
  uint32_t m = 0, n = 0, k = 0;
  ptx::Type a = ptx::Type::None, b = ptx::Type::None, c = ptx::Type::None, d = ptx::Type::None;
  bool saturate = false;
  bool bitsAnd = false;   ///< b1: and.popc, else xor.popc
  bool quadPairs = false; ///< m8n8k4 of f16: four products, one for each quad pair
  bool columnA = false, rowB = false;
  int rounding = 0;                                ///< f64: a mode of <cfenv>
  uint32_t numA = 0, numB = 0, numC = 0, numD = 0; ///< registers of each operand
};

/// Fills in the register counts; false if PTX has no such product. `wmma`: of the wmma family.
bool completeKind(MatrixKind &kind, bool wmma);

/// Where the operands of one product are: source slot k is in[lane][sources[k]] if that is not negative, else
/// out[lane][~sources[k]]; without `sources`, in[lane][k]. Slots: A's registers, then B's, then C's.
struct FragmentView {
  const LaneOperands *lanes = nullptr;
  const int32_t *sources = nullptr;
  uint32_t result = 0;                           ///< D starts at out[lane][result]
  uint32_t shadowSources = 0, shadowResults = 0; ///< distance of a slot's shadow; 0: no poison is tracked

  int32_t source(unsigned slot) const { return sources ? sources[slot] : int32_t(slot); }
  uint64_t value(unsigned lane, unsigned slot) const {
    int32_t place = source(slot);
    return place >= 0 ? lanes->in[lane][place] : lanes->out[lane][~place];
  }
  uint64_t shadow(unsigned lane, unsigned slot) const {
    int32_t place = source(slot);
    return place >= 0 ? lanes->in[lane][shadowSources + place] : lanes->out[lane][shadowResults + ~place];
  }
};

/// Operand tiles of earlier products of a batch, in the form that the multiplication takes. Valid as long as no source
/// slot changes; forget() between batches.
class TileCache {
public:
  static constexpr unsigned kMaxTile = 16 * 64; ///< floats
  struct Key {
    int32_t slots[4] = {-1, -1, -1, -1};
    ptx::Type type = ptx::Type::None;
    uint32_t lines = 0;
    bool operator==(const Key &) const = default;
  };
  struct Tile {
    alignas(64) float values[kMaxTile];
    Key key;
  };
  void forget() { used[0] = used[1] = 0; }
  /// The tile of these slots, or one to fill in (then `found` is false). operand: 0 for A, 1 for B.
  Tile &look(unsigned operand, const FragmentView &view, unsigned firstSlot, unsigned count, ptx::Type type,
             unsigned lines, bool &found);

private:
  static constexpr unsigned kTiles = 8;
  unsigned used[2] = {};
  Tile tiles[2][kTiles], spare[2];
};

/// D = A B + C for all 32 lanes.
void multiplyFragments(const MatrixKind &kind, const FragmentView &view, TileCache *cache = nullptr);
void multiplyQuadPairs(const MatrixKind &kind, const FragmentView &view); ///< kind.quadPairs

} // namespace ptxsim
