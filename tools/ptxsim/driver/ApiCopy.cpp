// cuMemcpy*, cuMemset*. Every copy is a CUDA_MEMCPY3D.
#include "driver/Execute.h"
#include "driver/Streams.h"

#include <cstring>

using namespace ptxsim;

namespace {

/// Whether the host side of a copy may be touched whenever the copy happens to run.
bool hostSideIsPinned(const Driver &driver, const CUDA_MEMCPY3D &copy, bool source) {
  const void *host = source ? copy.srcHost : copy.dstHost;
  size_t pitch = source ? copy.srcPitch : copy.dstPitch, height = source ? copy.srcHeight : copy.dstHeight;
  size_t first = source ? (copy.srcZ * height + copy.srcY) * pitch + copy.srcXInBytes
                        : (copy.dstZ * height + copy.dstY) * pitch + copy.dstXInBytes;
  size_t span = ((copy.Depth - 1) * height + copy.Height - 1) * pitch + copy.WidthInBytes;
  return driver.isPinned(static_cast<const char *>(host) + first, span);
}

/// CUDA Driver API, "API synchronization behavior". Synchronous copies return when host memory has been read or
/// written, copies within the device at once. Asynchronous ones read pageable memory at the call; pageable memory may
/// be written at the call or later, pinned memory is touched when the copy's turn comes.
CUresult copy(const char *name, CUDA_MEMCPY3D copy, bool async, CUstream handle) {
  return withContext(name, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    std::shared_ptr<Stream> stream = driver.stream(handle, context);
    std::shared_ptr<Context> own = stream->context.lock();
    require(own != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
    require(own->error == CUDA_SUCCESS, own->error);
    if (!async)
      forbidDuringCapture(driver);
    checkCopy(driver, copy);
    CopyWork work{copy, nullptr};
    if (!copy.WidthInBytes || !copy.Height || !copy.Depth)
      return CUDA_SUCCESS;
    if (stream->capture) {
      issue(driver, stream, work);
      return CUDA_SUCCESS;
    }
    bool fromHost = copy.srcMemoryType == CU_MEMORYTYPE_HOST, toHost = copy.dstMemoryType == CU_MEMORYTYPE_HOST;
    bool pageableSource = fromHost && !hostSideIsPinned(driver, copy, true);
    bool pageableTarget = toHost && !hostSideIsPinned(driver, copy, false);
    if (pageableSource && !(toHost && !async))
      stage(driver, work);
    OperationRef operation = issue(driver, stream, std::move(work));
    bool mayBeLate =
        async && !(pageableSource && toHost) && (!pageableTarget || (driver.environment.random && driver.queue.coin()));
    if ((fromHost || toHost) && !mayBeLate)
      driver.queue.finish(operation);
    return CUDA_SUCCESS;
  });
}

CUDA_MEMCPY3D linear(CUmemorytype to, CUdeviceptr target, CUmemorytype from, CUdeviceptr origin, size_t bytes) {
  CUDA_MEMCPY3D copy{};
  copy.dstMemoryType = to;
  copy.dstHost = reinterpret_cast<void *>(target);
  copy.dstDevice = target;
  copy.srcMemoryType = from;
  copy.srcHost = reinterpret_cast<const void *>(origin);
  copy.srcDevice = origin;
  copy.WidthInBytes = bytes;
  copy.Height = copy.Depth = 1;
  return copy;
}

CUdeviceptr address(const void *host) { return reinterpret_cast<CUdeviceptr>(host); }

CUDA_MEMCPY3D widen(const CUDA_MEMCPY2D &two) {
  CUDA_MEMCPY3D copy{};
  copy.srcXInBytes = two.srcXInBytes;
  copy.srcY = two.srcY;
  copy.srcMemoryType = two.srcMemoryType;
  copy.srcHost = two.srcHost;
  copy.srcDevice = two.srcDevice;
  copy.srcArray = two.srcArray;
  copy.srcPitch = two.srcPitch;
  copy.dstXInBytes = two.dstXInBytes;
  copy.dstY = two.dstY;
  copy.dstMemoryType = two.dstMemoryType;
  copy.dstHost = two.dstHost;
  copy.dstDevice = two.dstDevice;
  copy.dstArray = two.dstArray;
  copy.dstPitch = two.dstPitch;
  copy.WidthInBytes = two.WidthInBytes;
  copy.Height = two.Height;
  copy.Depth = 1;
  return copy;
}

CUDA_MEMCPY3D withoutPeers(const CUDA_MEMCPY3D_PEER &peer) {
  CUDA_MEMCPY3D copy{};
  // The two layouts differ in two reserved words alone, which hold the contexts of the peers.
  static_assert(sizeof(CUDA_MEMCPY3D) == sizeof(CUDA_MEMCPY3D_PEER));
  std::memcpy(&copy, &peer, sizeof copy);
  copy.reserved0 = copy.reserved1 = nullptr;
  return copy;
}

CUresult fill(const char *name, CUdeviceptr target, size_t pitch, uint32_t value, uint32_t elementBytes, size_t width,
              size_t height, bool async, CUstream handle) {
  return withContext(name, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    std::shared_ptr<Stream> stream = driver.stream(handle, context);
    std::shared_ptr<Context> own = stream->context.lock();
    require(own != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
    require(own->error == CUDA_SUCCESS, own->error);
    if (!async)
      forbidDuringCapture(driver);
    require(target % elementBytes == 0 && (height <= 1 || pitch % elementBytes == 0), CUDA_ERROR_INVALID_VALUE,
            "the address or pitch is not a multiple of the element");
    if (!width || !height)
      return CUDA_SUCCESS;
    require(width <= ~uint64_t(0) / elementBytes, CUDA_ERROR_INVALID_VALUE, "the bytes to fill are not device memory");
    require(height == 1 || pitch >= width * elementBytes, CUDA_ERROR_INVALID_VALUE, "a row is longer than the pitch");
    for (size_t y = 0; y < height; ++y)
      require(isDeviceRange(driver, target + y * pitch, width * elementBytes), CUDA_ERROR_INVALID_VALUE,
              "the bytes to fill are not device memory");
    OperationRef operation = issue(driver, stream, MemsetWork{target, pitch, width, height, value, elementBytes});
    // Asynchronous to the host, except for memory that the host reads.
    auto known = driver.allocationAt(target);
    bool hostSees = known != driver.allocations.end() && known->second.type == CU_MEMORYTYPE_HOST;
    if (!async && hostSees)
      driver.queue.finish(operation);
    return CUDA_SUCCESS;
  });
}

constexpr CUmemorytype kHost = CU_MEMORYTYPE_HOST, kDevice = CU_MEMORYTYPE_DEVICE, kUnified = CU_MEMORYTYPE_UNIFIED;

} // namespace

CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  return copy(__func__, linear(kUnified, to, kUnified, from, bytes), false, nullptr);
}
CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return copy(__func__, linear(kUnified, to, kUnified, from, bytes), true, stream);
}
CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes) {
  return copy(__func__, linear(kDevice, to, kHost, address(from), bytes), false, nullptr);
}
CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes) {
  return copy(__func__, linear(kHost, address(to), kDevice, from, bytes), false, nullptr);
}
CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  return copy(__func__, linear(kDevice, to, kDevice, from, bytes), false, nullptr);
}
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
  return copy(__func__, linear(kDevice, to, kHost, address(from), bytes), true, stream);
}
CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return copy(__func__, linear(kHost, address(to), kDevice, from, bytes), true, stream);
}
CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return copy(__func__, linear(kDevice, to, kDevice, from, bytes), true, stream);
}

// One device: both contexts see the same memory.
CUresult cuMemcpyPeer(CUdeviceptr to, CUcontext, CUdeviceptr from, CUcontext, size_t bytes) {
  return copy(__func__, linear(kDevice, to, kDevice, from, bytes), false, nullptr);
}
CUresult cuMemcpyPeerAsync(CUdeviceptr to, CUcontext, CUdeviceptr from, CUcontext, size_t bytes, CUstream stream) {
  return copy(__func__, linear(kDevice, to, kDevice, from, bytes), true, stream);
}

CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D *two) {
  return two ? copy(__func__, widen(*two), false, nullptr) : CUDA_ERROR_INVALID_VALUE;
}
CUresult cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D *two) {
  return two ? copy(__func__, widen(*two), false, nullptr) : CUDA_ERROR_INVALID_VALUE;
}
CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *two, CUstream stream) {
  return two ? copy(__func__, widen(*two), true, stream) : CUDA_ERROR_INVALID_VALUE;
}
CUresult cuMemcpy3D_v2(const CUDA_MEMCPY3D *three) {
  return three ? copy(__func__, *three, false, nullptr) : CUDA_ERROR_INVALID_VALUE;
}
CUresult cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D *three, CUstream stream) {
  return three ? copy(__func__, *three, true, stream) : CUDA_ERROR_INVALID_VALUE;
}
CUresult cuMemcpy3DPeer(const CUDA_MEMCPY3D_PEER *peer) {
  return peer ? copy(__func__, withoutPeers(*peer), false, nullptr) : CUDA_ERROR_INVALID_VALUE;
}
CUresult cuMemcpy3DPeerAsync(const CUDA_MEMCPY3D_PEER *peer, CUstream stream) {
  return peer ? copy(__func__, withoutPeers(*peer), true, stream) : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemcpyBatchAsync_v2(CUdeviceptr *to, CUdeviceptr *from, size_t *bytes, size_t count,
                               CUmemcpyAttributes *attributes, size_t *, size_t numAttributes, CUstream stream) {
  if (!to || !from || !bytes || !count || !attributes || !numAttributes || !stream)
    return CUDA_ERROR_INVALID_VALUE;
  // The copies of a batch have no order among themselves; one after the other is one of the orders that are allowed.
  for (size_t k = 0; k < count; ++k)
    if (CUresult result = cuMemcpyAsync(to[k], from[k], bytes[k], stream); result != CUDA_SUCCESS)
      return result;
  return CUDA_SUCCESS;
}
CUresult cuMemcpyBatchAsync(CUdeviceptr *to, CUdeviceptr *from, size_t *bytes, size_t count,
                            CUmemcpyAttributes *attributes, size_t *indices, size_t numAttributes, size_t *failed,
                            CUstream stream) {
  if (failed)
    *failed = ~size_t(0);
  return cuMemcpyBatchAsync_v2(to, from, bytes, count, attributes, indices, numAttributes, stream);
}

CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count) {
  return fill(__func__, to, 0, value, 1, count, 1, false, nullptr);
}
CUresult cuMemsetD16_v2(CUdeviceptr to, unsigned short value, size_t count) {
  return fill(__func__, to, 0, value, 2, count, 1, false, nullptr);
}
CUresult cuMemsetD32_v2(CUdeviceptr to, unsigned value, size_t count) {
  return fill(__func__, to, 0, value, 4, count, 1, false, nullptr);
}
CUresult cuMemsetD2D8_v2(CUdeviceptr to, size_t pitch, unsigned char value, size_t width, size_t height) {
  return fill(__func__, to, pitch, value, 1, width, height, false, nullptr);
}
CUresult cuMemsetD2D16_v2(CUdeviceptr to, size_t pitch, unsigned short value, size_t width, size_t height) {
  return fill(__func__, to, pitch, value, 2, width, height, false, nullptr);
}
CUresult cuMemsetD2D32_v2(CUdeviceptr to, size_t pitch, unsigned value, size_t width, size_t height) {
  return fill(__func__, to, pitch, value, 4, width, height, false, nullptr);
}
CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream) {
  return fill(__func__, to, 0, value, 1, count, 1, true, stream);
}
CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t count, CUstream stream) {
  return fill(__func__, to, 0, value, 2, count, 1, true, stream);
}
CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream stream) {
  return fill(__func__, to, 0, value, 4, count, 1, true, stream);
}
CUresult cuMemsetD2D8Async(CUdeviceptr to, size_t pitch, unsigned char value, size_t width, size_t height,
                           CUstream stream) {
  return fill(__func__, to, pitch, value, 1, width, height, true, stream);
}
CUresult cuMemsetD2D16Async(CUdeviceptr to, size_t pitch, unsigned short value, size_t width, size_t height,
                            CUstream stream) {
  return fill(__func__, to, pitch, value, 2, width, height, true, stream);
}
CUresult cuMemsetD2D32Async(CUdeviceptr to, size_t pitch, unsigned value, size_t width, size_t height,
                            CUstream stream) {
  return fill(__func__, to, pitch, value, 4, width, height, true, stream);
}
