// The kernel arguments of the command line: arrays in and out, scalars, tensor maps, and the parameter block they make.
#pragma once

#include "engine/Device.h"
#include "tool/Npy.h"

#include <stdexcept>

namespace ptxsim {

/// Bad usage: exit status 2.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One `--arg`.
///   in.npy               an array; its device address is passed
///   inout:a.npy          the same, and written back below --out
///   out:f32[64,32]       an array of undefined elements, written below --out
///   zero:s32[16]         the same, of zeros
///   42  -1  0x10  1.5    a number, in the type of the kernel's parameter
///   f32:1.5  u64:7       a number of that very type
///   map:m.json           a tensor map (128 bytes)
///   bytes:s.bin          a structure by value
///   null                 a null pointer
struct Argument {
  enum class Kind { Array, Number, Map, Bytes, Null } kind = Kind::Null;
  std::string text; ///< as given
  bool isInput = false, isOutput = false;
  Array array;            ///< Array: type and shape; bytes of inputs
  std::string numberType; ///< Number: "f32" or empty
  std::string path;       ///< Map, Bytes
};

Argument parseArgument(const std::string &text);

/// The arguments of one launch on one device.
class BoundArguments {
public:
  /// Allocates and fills arrays, encodes maps, packs the block for `kernel`. Throws UsageError.
  /// The first `count` arguments are the kernel's, the others are arrays that only tensor maps name.
  BoundArguments(Device &device, const ptx::Function &kernel, const std::vector<Argument> &arguments, size_t count);
  llvm::ArrayRef<uint8_t> parameters() const { return block; }
  /// The contents of output `index` (its place among the arguments) now.
  Array output(size_t index) const;
  /// The device address of array argument `index`, 0 if it is none.
  uint64_t address(size_t index) const { return addresses[index]; }

private:
  void encodeMap(const Argument &argument, uint8_t *out, const std::vector<Argument> &arguments);
  const std::vector<Argument> &arguments;
  std::vector<uint64_t> addresses;
  std::vector<uint8_t> block;
};

} // namespace ptxsim
