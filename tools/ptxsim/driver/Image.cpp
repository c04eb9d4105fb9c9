#include "driver/Image.h"

#include "llvm/Support/Compression.h"
#include "llvm/Support/Error.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/uio.h>
#include <unistd.h>

namespace ptxsim {
namespace {

constexpr uint32_t kFatbinMagic = 0xba55ed50;
constexpr uint32_t kFatbinWrapperMagic = 0x466243b1;     // fatbinary_section.h, FATBINC_MAGIC
constexpr uint64_t kLinkedMagic = 0x4b4e'4c4d'4953'5850; // "PXSIMLNK", little-endian
constexpr uint64_t kMaxText = 256ull << 20;              // a module's PTX is never longer; guards against damaged sizes

constexpr uint16_t kKindPtx = 1, kKindElf = 2;
constexpr uint64_t kFlagLz4 = 0x2000, kFlagZstd = 0x8000, kFlagArchSpecific = 0x10'0000;

/// The fields of a fatbin entry's header that matter, found by comparing `fatbinary --compress-mode` outputs.
struct Entry {
  uint16_t kind;
  uint32_t headerBytes, compressedBytes, architecture;
  uint64_t payloadBytes, flags, uncompressedBytes, payloadOffset;
};

bool copyOwnMemory(uint64_t from, void *to, uint64_t bytes) {
  uint64_t done = 0;
  while (done < bytes) {
    iovec local{static_cast<uint8_t *>(to) + done, bytes - done};
    iovec remote{reinterpret_cast<void *>(from + done), bytes - done};
    ssize_t got = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    if (got > 0) {
      done += uint64_t(got);
      continue;
    }
    if (errno == EPERM || errno == ENOSYS) { // a sandbox without the call: trust the container's sizes
      std::memcpy(static_cast<uint8_t *>(to) + done, reinterpret_cast<void *>(from + done), bytes - done);
      return true;
    }
    return false;
  }
  return true;
}

Entry readEntry(const ImageBytes &bytes, uint64_t offset, uint64_t end) {
  if (end - offset < 64)
    throw BadImage(false, "the fatbin is damaged: an entry's header is cut off");
  Entry entry;
  entry.kind = bytes.get<uint16_t>(offset);
  entry.headerBytes = bytes.get<uint32_t>(offset + 4);
  entry.payloadBytes = bytes.get<uint64_t>(offset + 8);
  entry.compressedBytes = bytes.get<uint32_t>(offset + 16);
  entry.architecture = bytes.get<uint32_t>(offset + 28);
  entry.flags = bytes.get<uint64_t>(offset + 40);
  entry.uncompressedBytes = bytes.get<uint64_t>(offset + 56);
  if (entry.headerBytes < 64 || entry.headerBytes > end - offset ||
      entry.payloadBytes > end - offset - entry.headerBytes)
    throw BadImage(false, "the fatbin is damaged: an entry is longer than the container");
  entry.payloadOffset = offset + entry.headerBytes;
  return entry;
}

std::string unpack(const ImageBytes &bytes, const Entry &entry) {
  bool lz4 = entry.flags & kFlagLz4, zstd = entry.flags & kFlagZstd;
  std::vector<uint8_t> out;
  if (!lz4 && !zstd) {
    out = bytes.take(entry.payloadOffset, entry.payloadBytes);
  } else {
    if (entry.compressedBytes > entry.payloadBytes || entry.uncompressedBytes > kMaxText)
      throw BadImage(false, "the fatbin is damaged: a compressed entry's sizes are impossible");
    std::vector<uint8_t> in = bytes.take(entry.payloadOffset, entry.compressedBytes);
    if (lz4) {
      if (entry.uncompressedBytes / 255 > in.size())
        throw BadImage(false, "the fatbin is damaged: LZ4 does not expand as far as an entry says");
      out.resize(entry.uncompressedBytes);
      if (!decompressLz4(in, out))
        throw BadImage(false, "the fatbin is damaged: its LZ4 data cannot be read");
    } else {
      if (!llvm::compression::zstd::isAvailable())
        throw BadImage(true, "the fatbin is compressed by zstd, which this build of LLVM lacks; compile with nvcc "
                             "--compress-mode=speed or none");
      llvm::SmallVector<uint8_t, 0> buffer;
      if (llvm::Error error = llvm::compression::zstd::decompress(in, buffer, entry.uncompressedBytes)) {
        llvm::consumeError(std::move(error));
        throw BadImage(false, "the fatbin is damaged: its zstd data cannot be read");
      }
      out.assign(buffer.begin(), buffer.end());
    }
  }
  return std::string(out.begin(), std::find(out.begin(), out.end(), 0));
}

std::vector<PtxText> readFatbin(const ImageBytes &bytes, const Architecture &architecture, const std::string &name) {
  uint16_t version = bytes.get<uint16_t>(4), headerBytes = bytes.get<uint16_t>(6);
  uint64_t content = bytes.get<uint64_t>(8);
  if (version != 1 || headerBytes < 16)
    throw BadImage(false, "the fatbin has version " + std::to_string(version) + ", expected 1");
  if (content > (1ull << 40))
    throw BadImage(false, "the fatbin is damaged: its size is impossible");
  unsigned device = architecture.major * 10 + architecture.minor;
  uint64_t offset = headerBytes, end = headerBytes + content;
  std::string contents;
  bool found = false;
  Entry best{};
  while (offset < end) {
    Entry entry = readEntry(bytes, offset, end);
    bool specific = entry.flags & kFlagArchSpecific;
    if (entry.kind == kKindPtx || entry.kind == kKindElf)
      contents += (contents.empty() ? "" : ", ") +
                  std::string(entry.kind == kKindPtx ? "PTX of compute_" : "code of sm_") +
                  std::to_string(entry.architecture) + (specific ? "a" : "");
    bool fits = specific ? entry.architecture == device : entry.architecture <= device;
    bool better = !found || entry.architecture > best.architecture ||
                  (entry.architecture == best.architecture && specific && !(best.flags & kFlagArchSpecific));
    if (entry.kind == kKindPtx && fits && better) {
      found = true;
      best = entry;
    }
    offset = entry.payloadOffset + entry.payloadBytes;
  }
  std::string suffix = std::to_string(device) + (device >= 90 ? "a" : "");
  if (!found)
    throw BadImage(true, "the fatbin holds no PTX for " + std::string(architecture.name) + " (it holds " +
                             (contents.empty() ? "nothing" : contents) + "); compile with -gencode arch=compute_" +
                             suffix + ",code=compute_" + suffix);
  return {{name, unpack(bytes, best)}};
}

std::vector<PtxText> readLinked(const ImageBytes &bytes) {
  uint64_t offset = 8;
  auto string = [&] {
    uint64_t length = bytes.get<uint64_t>(offset);
    if (length > kMaxText)
      throw BadImage(false, "the linked image is damaged: a text is too long");
    std::vector<uint8_t> data = bytes.take(offset + 8, length);
    offset += 8 + length;
    return std::string(data.begin(), data.end());
  };
  uint64_t count = bytes.get<uint64_t>(offset);
  offset += 8;
  std::vector<PtxText> texts;
  for (uint64_t k = 0; k < count; ++k) {
    std::string name = string(), text = string();
    texts.push_back({name, text});
  }
  return texts;
}

} // namespace

void ImageBytes::read(uint64_t offset, void *out, uint64_t bytes) const {
  if (bounded) {
    if (offset > size || bytes > size - offset)
      throw BadImage(false, "the image is cut off: " + std::to_string(bytes) + " bytes at offset " +
                                std::to_string(offset) + " of " + std::to_string(size));
    std::memcpy(out, reinterpret_cast<const void *>(base + offset), bytes);
    return;
  }
  if (!copyOwnMemory(base + offset, out, bytes))
    throw BadImage(false, "the image is damaged: it ends in memory that cannot be read");
}

std::vector<uint8_t> ImageBytes::take(uint64_t offset, uint64_t bytes) const {
  if (bounded && (offset > size || bytes > size - offset))
    throw BadImage(false, "the image is cut off");
  if (bytes > (kMaxText << 2))
    throw BadImage(false, "the image is damaged: a part of it is too long");
  std::vector<uint8_t> result(bytes);
  read(offset, result.data(), bytes);
  return result;
}

std::string ImageBytes::text() const {
  if (bounded) {
    const char *start = reinterpret_cast<const char *>(base);
    return std::string(start, strnlen(start, size));
  }
  // Page by page, as no page behind the final zero need exist.
  std::string result;
  while (result.size() < kMaxText) {
    uint64_t at = base + result.size();
    char page[4096];
    size_t bytes = sizeof page - at % sizeof page;
    if (!copyOwnMemory(at, page, bytes))
      throw BadImage(false, "the PTX text does not end with a zero byte");
    size_t length = strnlen(page, bytes);
    result.append(page, length);
    if (length < bytes)
      return result;
  }
  throw BadImage(false, "the PTX text is longer than 256 MiB");
}

std::vector<PtxText> readImage(const ImageBytes &bytes, const Architecture &architecture, const std::string &name) {
  uint8_t first[8] = {};
  for (unsigned k = 0; k < 8; ++k) {
    try {
      first[k] = bytes.get<uint8_t>(k);
    } catch (const BadImage &) {
      break;
    }
    if (!first[k])
      break;
  }
  // The binary magics have no zero among their first bytes, or are longer than a text could be.
  uint32_t magic = 0;
  uint64_t longMagic = 0;
  std::memcpy(&magic, first, 4);
  std::memcpy(&longMagic, first, 8);
  if (magic == kFatbinMagic)
    return readFatbin(bytes, architecture, name);
  if (magic == kFatbinWrapperMagic) {
    if (bytes.isBounded())
      throw BadImage(false, "a file cannot hold a fatbin wrapper, which contains addresses");
    return readImage(ImageBytes(bytes.get<const void *>(8)), architecture, name);
  }
  if (longMagic == kLinkedMagic)
    return readLinked(bytes);
  if (std::memcmp(first, "\177ELF", 4) == 0)
    throw BadImage(true,
                   "the image is a cubin, machine code of one chip, which cannot be simulated; load PTX or a fatbin "
                   "with PTX inside (nvcc -ptx, or -gencode arch=compute_90a,code=compute_90a)");
  return {{name, bytes.text()}};
}

std::vector<uint8_t> makeLinkedImage(const std::vector<PtxText> &texts) {
  std::vector<uint8_t> image;
  auto number = [&](uint64_t value) {
    auto *bytes = reinterpret_cast<const uint8_t *>(&value);
    image.insert(image.end(), bytes, bytes + 8);
  };
  auto string = [&](const std::string &text) {
    number(text.size());
    image.insert(image.end(), text.begin(), text.end());
  };
  number(kLinkedMagic);
  number(texts.size());
  for (const PtxText &text : texts) {
    string(text.name);
    string(text.text);
  }
  return image;
}

// LZ4 Block Format Description: sequences of a token (literal length, match length - 4), literals, a 16-bit offset.
bool decompressLz4(const std::vector<uint8_t> &in, std::vector<uint8_t> &out) {
  size_t at = 0, written = 0;
  auto extended = [&](size_t length) -> size_t {
    if (length < 15)
      return length;
    while (at < in.size()) {
      uint8_t more = in[at++];
      length += more;
      if (more != 255)
        break;
    }
    return length;
  };
  while (at < in.size()) {
    uint8_t token = in[at++];
    size_t literals = extended(token >> 4);
    if (literals > in.size() - at || literals > out.size() - written)
      return false;
    std::copy_n(in.begin() + at, literals, out.begin() + written);
    at += literals;
    written += literals;
    if (at == in.size())
      return written == out.size();
    if (in.size() - at < 2)
      return false;
    size_t distance = in[at] | size_t(in[at + 1]) << 8;
    at += 2;
    size_t length = extended(token & 15) + 4;
    if (!distance || distance > written || length > out.size() - written)
      return false;
    for (; length; --length, ++written) // byte by byte: a match may overlap what it writes
      out[written] = out[written - distance];
  }
  return written == out.size();
}

} // namespace ptxsim
