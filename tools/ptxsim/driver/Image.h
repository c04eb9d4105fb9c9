// What programs hand over as a module: PTX text, a fatbin, a linked image of cuLinkComplete. Containers may be corrupt:
// nothing outside the image, or outside mapped memory, is read.
#pragma once

#include "engine/Device.h"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace ptxsim {

/// The image is not one that can be run. `unusable` tells "well-formed, but nothing for this device" from "damaged".
struct BadImage : std::runtime_error {
  BadImage(bool unusable, const std::string &message) : std::runtime_error(message), unusable(unusable) {}
  bool unusable;
};

struct PtxText {
  std::string name, text;
};

/// Bytes of an image: a buffer, or memory of the process that may end anywhere.
class ImageBytes {
public:
  explicit ImageBytes(const void *memory) : base(reinterpret_cast<uint64_t>(memory)) {}
  ImageBytes(const void *memory, uint64_t size) : base(reinterpret_cast<uint64_t>(memory)), size(size), bounded(true) {}
  /// Copies the bytes; throws BadImage if not all of them are there.
  void read(uint64_t offset, void *out, uint64_t bytes) const;
  std::vector<uint8_t> take(uint64_t offset, uint64_t bytes) const;
  /// The text from the start up to a zero byte, or to the end of the buffer.
  std::string text() const;
  template <class T> T get(uint64_t offset) const {
    T value;
    read(offset, &value, sizeof value);
    return value;
  }
  bool isBounded() const { return bounded; }

private:
  uint64_t base, size = 0;
  bool bounded = false;
};

/// The PTX to load: one text, or those of a linked image in an order in which each one's externs are before it.
std::vector<PtxText> readImage(const ImageBytes &bytes, const Architecture &architecture, const std::string &name);

/// The image of cuLinkComplete.
std::vector<uint8_t> makeLinkedImage(const std::vector<PtxText> &texts);

/// LZ4's block format; false if the input is damaged or does not give exactly `out`'s bytes.
bool decompressLz4(const std::vector<uint8_t> &in, std::vector<uint8_t> &out);

} // namespace ptxsim
