// Names of errors, addresses of functions, tensor maps, and calls that have nothing to do in a simulator.
#include "driver/Driver.h"
#include "engine/TensorMap.h"

#include <cstring>

using namespace ptxsim;

namespace {

const ErrorName *findError(CUresult error) {
  for (size_t k = 0; k < kNumErrorNames; ++k)
    if (kErrorNames[k].value == error)
      return &kErrorNames[k];
  return nullptr;
}

/// The function of that name: a symbol as of a CUDA version, or the exact exported name. `known`: there is one, but
/// newer.
void *findFunction(const char *name, int version, bool perThread, bool &known) {
  for (size_t k = 0; k < kNumEntryPoints; ++k) {
    const EntryPoint &entry = kEntryPoints[k];
    if (std::strcmp(entry.symbol, name) != 0)
      continue;
    known = true;
    if (entry.since <= version)
      return perThread && entry.perThread ? entry.perThread : entry.function;
  }
  for (size_t k = 0; k < kNumEntryPoints && !known; ++k) {
    const EntryPoint &entry = kEntryPoints[k];
    size_t length = std::strlen(entry.name);
    if (std::strncmp(entry.name, name, length) != 0)
      continue;
    if (!name[length])
      return perThread && entry.perThread ? entry.perThread : entry.function;
    if (!std::strcmp(name + length, "_ptsz") || !std::strcmp(name + length, "_ptds"))
      return entry.perThread;
  }
  return nullptr;
}

CUresult procAddress(const char *symbol, void **out, int version, cuuint64_t flags,
                     CUdriverProcAddressQueryResult *status) {
  if (!symbol || !out ||
      (flags & ~cuuint64_t(CU_GET_PROC_ADDRESS_LEGACY_STREAM | CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM)))
    return CUDA_ERROR_INVALID_VALUE;
  bool known = false;
  *out = findFunction(symbol, version, flags & CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM, known);
  if (status)
    *status = *out    ? CU_GET_PROC_ADDRESS_SUCCESS
              : known ? CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT
                      : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  return *out ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

/// For calls that are right wherever they are made and have no effect.
CUresult nothing() { return Driver::get().initialised ? CUDA_SUCCESS : CUDA_ERROR_NOT_INITIALIZED; }

TensorFill fillOf(CUtensorMapFloatOOBfill fill) { return TensorFill(fill); }

CUresult refuseMap(const char *name, const std::string &error) {
  report::message(std::string(name) + ": " + error);
  return CUDA_ERROR_INVALID_VALUE;
}

} // namespace

CUresult cuGetErrorName(CUresult error, const char **name) {
  if (!name)
    return CUDA_ERROR_INVALID_VALUE;
  const ErrorName *found = findError(error);
  *name = found ? found->name : nullptr;
  return found ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGetErrorString(CUresult error, const char **text) {
  if (!text)
    return CUDA_ERROR_INVALID_VALUE;
  const ErrorName *found = findError(error);
  *text = !found ? nullptr : error == CUDA_SUCCESS ? "no error" : found->words;
  return found ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGetProcAddress_v2(const char *symbol, void **out, int version, cuuint64_t flags,
                             CUdriverProcAddressQueryResult *status) {
  CUresult result = procAddress(symbol, out, version, flags, status);
  // The newer form tells by the status alone.
  return result == CUDA_ERROR_NOT_FOUND && status ? CUDA_SUCCESS : result;
}
CUresult cuGetProcAddress(const char *symbol, void **out, int version, cuuint64_t flags) {
  return procAddress(symbol, out, version, flags, nullptr);
}

CUresult cuGetExportTable(const void **table, const CUuuid *id) {
  if (!table || !id)
    return CUDA_ERROR_INVALID_VALUE;
  *table = nullptr;
  std::string text;
  for (char byte : id->bytes) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", unsigned(uint8_t(byte)));
    text += digits;
  }
  report::messageOnce("cuGetExportTable is not implemented (table " + text +
                      "); the CUDA runtime library needs it, programs on the driver API do not");
  return CUDA_ERROR_NOT_SUPPORTED;
}

CUresult cuProfilerStart() { return nothing(); }
CUresult cuProfilerStop() { return nothing(); }

CUresult cuCoredumpGetAttribute(CUcoredumpSettings, void *value, size_t *bytes) {
  if (!value || !bytes)
    return CUDA_ERROR_INVALID_VALUE;
  std::memset(value, 0, *bytes); // all off
  return nothing();
}
CUresult cuCoredumpGetAttributeGlobal(CUcoredumpSettings attribute, void *value, size_t *bytes) {
  return cuCoredumpGetAttribute(attribute, value, bytes);
}
CUresult cuCoredumpSetAttribute(CUcoredumpSettings, void *, size_t *) {
  report::messageOnce("core dumps are not written; findings are reported instead");
  return nothing();
}
CUresult cuCoredumpSetAttributeGlobal(CUcoredumpSettings attribute, void *value, size_t *bytes) {
  return cuCoredumpSetAttribute(attribute, value, bytes);
}

CUresult cuTensorMapEncodeTiled(CUtensorMap *map, CUtensorMapDataType type, cuuint32_t rank, void *address,
                                const cuuint64_t *sizes, const cuuint64_t *strides, const cuuint32_t *box,
                                const cuuint32_t *elementStrides, CUtensorMapInterleave interleave,
                                CUtensorMapSwizzle swizzle, CUtensorMapL2promotion promotion,
                                CUtensorMapFloatOOBfill fill) {
  if (!map || !sizes || !box || !elementStrides || (rank > 1 && !strides))
    return CUDA_ERROR_INVALID_VALUE;
  if (!Driver::get().initialised)
    return CUDA_ERROR_NOT_INITIALIZED;
  std::string error;
  bool ok = encodeTiled(reinterpret_cast<uint8_t *>(map), TensorType(type), rank, reinterpret_cast<uint64_t>(address),
                        sizes, strides, box, elementStrides, TensorInterleave(interleave), TensorSwizzle(swizzle),
                        TensorPromotion(promotion), fillOf(fill), error);
  return ok ? CUDA_SUCCESS : refuseMap(__func__, error);
}

CUresult cuTensorMapEncodeIm2col(CUtensorMap *map, CUtensorMapDataType type, cuuint32_t rank, void *address,
                                 const cuuint64_t *sizes, const cuuint64_t *strides, const int *lower, const int *upper,
                                 cuuint32_t channels, cuuint32_t pixels, const cuuint32_t *elementStrides,
                                 CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                                 CUtensorMapL2promotion promotion, CUtensorMapFloatOOBfill fill) {
  if (!map || !sizes || !strides || !lower || !upper || !elementStrides)
    return CUDA_ERROR_INVALID_VALUE;
  if (!Driver::get().initialised)
    return CUDA_ERROR_NOT_INITIALIZED;
  std::string error;
  bool ok = encodeIm2col(reinterpret_cast<uint8_t *>(map), TensorType(type), rank, reinterpret_cast<uint64_t>(address),
                         sizes, strides, lower, upper, channels, pixels, elementStrides, TensorInterleave(interleave),
                         TensorSwizzle(swizzle), TensorPromotion(promotion), fillOf(fill), error);
  return ok ? CUDA_SUCCESS : refuseMap(__func__, error);
}

CUresult cuTensorMapReplaceAddress(CUtensorMap *map, void *address) {
  if (!map)
    return CUDA_ERROR_INVALID_VALUE;
  auto *bytes = reinterpret_cast<uint8_t *>(map);
  TensorMap decoded;
  std::string error;
  if (!decode(bytes, decoded, error))
    return refuseMap(__func__, error);
  decoded.base = reinterpret_cast<uint64_t>(address);
  return encode(bytes, decoded, error) ? CUDA_SUCCESS : refuseMap(__func__, error);
}
