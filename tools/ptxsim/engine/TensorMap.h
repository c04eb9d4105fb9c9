// Tensor maps: what the 128 opaque bytes of a CUtensorMap hold here, how they are made and checked, and which elements
// a copy by them touches.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace ptxsim {

constexpr unsigned kTensorMapBytes = 128;

// The numbering of these is that of CUtensorMapDataType and its kin, so that the driver can cast.
// clang-format off
enum class TensorType : uint8_t {
  U8, U16, U32, S32, U64, S64, F16, F32, F64, BF16, F32Ftz, TF32, TF32Ftz, Packed16U4Align8, Packed16U4Align16,
  Packed16U6Align16,
};
enum class TensorInterleave : uint8_t { None, Bytes16, Bytes32 };
enum class TensorSwizzle : uint8_t { None, Bytes32, Bytes64, Bytes128 };
enum class TensorPromotion : uint8_t { None, Bytes64, Bytes128, Bytes256 };
enum class TensorFill : uint8_t { Zeros, NanRequestZeroFma };
// clang-format on

/// A tensor map in the clear. Dimension 0 is the innermost one.
struct TensorMap {
  TensorType type = TensorType::U8;
  uint32_t rank = 1;
  uint64_t base = 0;
  std::array<uint64_t, 5> sizes{1, 1, 1, 1, 1};          ///< in elements
  std::array<uint64_t, 4> strides{};                     ///< in bytes, of dimensions 1..rank-1
  std::array<uint32_t, 5> box{1, 1, 1, 1, 1};            ///< tiled mode: in elements of the tensor
  std::array<uint32_t, 5> elementStrides{1, 1, 1, 1, 1}; ///< every n-th element of the box is copied
  TensorInterleave interleave = TensorInterleave::None;
  TensorSwizzle swizzle = TensorSwizzle::None;
  TensorPromotion promotion = TensorPromotion::None;
  TensorFill fill = TensorFill::Zeros;
  bool im2col = false;
  std::array<int32_t, 3> lowerCorner{}, upperCorner{}; ///< im2col: of the spatial dimensions, innermost first
  uint32_t channelsPerPixel = 0, pixelsPerColumn = 0;  ///< im2col: the box
  uint64_t launch = 0, serial = 0; ///< the launch whose device code modified the map last (0: none) and which time
};

unsigned elementBits(TensorType type); ///< in global memory: 8..64; 4 and 6 for the packed types

/// Every rule of cuTensorMapEncodeTiled or, for im2col maps, cuTensorMapEncodeIm2col. False: `error` says which one is
/// broken, with the value and the bound.
bool validate(const TensorMap &map, std::string &error);

/// Validates and writes the 128 bytes. `map.im2col` chooses between the two modes.
bool encode(uint8_t out[kTensorMapBytes], const TensorMap &map, std::string &error);

/// Writes a map that may break the rules: tensormap.replace changes one field at a time. `validate` decides at the use.
void encodeUnchecked(uint8_t out[kTensorMapBytes], const TensorMap &map);

/// The same with the arguments of cuTensorMapEncodeTiled in their order: strides has rank - 1 values, elementStrides
/// rank.
bool encodeTiled(uint8_t out[kTensorMapBytes], TensorType type, uint32_t rank, uint64_t base, const uint64_t *sizes,
                 const uint64_t *strides, const uint32_t *box, const uint32_t *elementStrides,
                 TensorInterleave interleave, TensorSwizzle swizzle, TensorPromotion promotion, TensorFill fill,
                 std::string &error);

/// The same with the arguments of cuTensorMapEncodeIm2col in their order: the corners have rank - 2 values.
bool encodeIm2col(uint8_t out[kTensorMapBytes], TensorType type, uint32_t rank, uint64_t base, const uint64_t *sizes,
                  const uint64_t *strides, const int32_t *lowerCorner, const int32_t *upperCorner,
                  uint32_t channelsPerPixel, uint32_t pixelsPerColumn, const uint32_t *elementStrides,
                  TensorInterleave interleave, TensorSwizzle swizzle, TensorPromotion promotion, TensorFill fill,
                  std::string &error);

/// Reads the 128 bytes back. False, with the reason, if they are no tensor map (never encoded, or damaged).
bool decode(const uint8_t bytes[kTensorMapBytes], TensorMap &map, std::string &error);

} // namespace ptxsim
