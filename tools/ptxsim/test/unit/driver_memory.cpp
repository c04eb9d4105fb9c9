// Memory of the driver: allocations, copies, fills, pools, pointers, virtual memory.
#include "DriverApi.h"

#include <cstring>
#include <numeric>

using namespace drivertest;

TEST(DriverMemory, CopiesThereAndBack) {
  expectRun({}, [] {
    begin();
    std::vector<int> in(1000), out(1000);
    std::iota(in.begin(), in.end(), 5);
    CUdeviceptr a, b;
    OK(cuMemAlloc, &a, 4000);
    OK(cuMemAlloc, &b, 4000);
    OK(cuMemcpyHtoD, a, in.data(), 4000);
    OK(cuMemcpyDtoD, b, a, 4000);
    OK(cuMemcpyDtoH, out.data(), b, 4000);
    EXPECT_EQ(in, out);
    OK(cuMemFree, a);
    EXPECT_EQ(CU(cuMemFree)(a), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(CU(cuMemFree)(b + 4), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(CU(cuMemcpyDtoH)(out.data(), a, 4), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(CU(cuMemcpyDtoH)(out.data(), b, 4001), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(CU(cuMemcpyHtoD)(b + 3999, in.data(), 2), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(CU(cuMemAlloc)(&a, 0), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(CU(cuMemAlloc)(&a, 1ull << 45), CUDA_ERROR_OUT_OF_MEMORY);
    OK(cuMemcpyDtoH, out.data(), b, 0);
  });
}

TEST(DriverMemory, FillsOfEveryWidth) {
  expectRun({}, [] {
    begin();
    CUdeviceptr a;
    OK(cuMemAlloc, &a, 64);
    std::vector<uint8_t> out(64);
    OK(cuMemsetD8, a, 0x11, 64);
    OK(cuMemsetD16, a + 8, 0x2233, 2);
    OK(cuMemsetD32, a + 16, 0x44556677, 2);
    OK(cuMemsetD2D8, a + 32, 8, 0x99, 2, 3);
    OK(cuMemcpyDtoH, out.data(), a, 64);
    EXPECT_EQ(out[7], 0x11);
    EXPECT_EQ(out[8], 0x33);
    EXPECT_EQ(out[11], 0x22);
    EXPECT_EQ(out[12], 0x11);
    EXPECT_EQ(out[23], 0x44);
    EXPECT_EQ(out[24], 0x11);
    for (int k = 32; k < 64; ++k)
      EXPECT_EQ(out[k], k < 56 && k % 8 < 2 ? 0x99 : 0x11) << k;
    EXPECT_EQ(CU(cuMemsetD32)(a + 2, 0, 1), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(CU(cuMemsetD8)(a, 0, 65), CUDA_ERROR_INVALID_VALUE);
  });
}

TEST(DriverMemory, TwoAndThreeDimensions) {
  expectRun({}, [] {
    begin();
    CUdeviceptr device;
    size_t pitch;
    OK(cuMemAllocPitch, &device, &pitch, 10, 6, 4);
    EXPECT_EQ(pitch % 512, 0u);
    std::vector<uint8_t> in(60), out(200, 0xee);
    std::iota(in.begin(), in.end(), 0);
    CUDA_MEMCPY2D copy{};
    copy.srcMemoryType = CU_MEMORYTYPE_HOST;
    copy.srcHost = in.data();
    copy.srcPitch = 10;
    copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    copy.dstDevice = device;
    copy.dstPitch = pitch;
    copy.WidthInBytes = 10;
    copy.Height = 6;
    OK(cuMemcpy2D, &copy);
    CUDA_MEMCPY3D box{}; // rows 1..2 of both "slices" of three rows, columns 2..5
    box.srcMemoryType = CU_MEMORYTYPE_DEVICE;
    box.srcDevice = device;
    box.srcPitch = pitch;
    box.srcHeight = 3;
    box.srcY = 1;
    box.srcXInBytes = 2;
    box.dstMemoryType = CU_MEMORYTYPE_HOST;
    box.dstHost = out.data();
    box.dstPitch = 5;
    box.dstHeight = 2;
    box.WidthInBytes = 4;
    box.Height = 2;
    box.Depth = 2;
    OK(cuMemcpy3D, &box);
    for (int z = 0; z < 2; ++z)
      for (int y = 0; y < 2; ++y)
        for (int x = 0; x < 5; ++x)
          EXPECT_EQ(out[(z * 2 + y) * 5 + x], x < 4 ? in[(z * 3 + y + 1) * 10 + x + 2] : 0xee);
    box.srcMemoryType = CU_MEMORYTYPE_ARRAY;
    EXPECT_EQ(CU(cuMemcpy3D)(&box), CUDA_ERROR_NOT_SUPPORTED);
    copy.dstPitch = 5;
    EXPECT_EQ(CU(cuMemcpy2D)(&copy), CUDA_ERROR_INVALID_VALUE);
  });
}

TEST(DriverMemory, AsyncCopiesReadPinnedMemoryLateAndPageableAtOnce) {
  expectRun({}, [] {
    begin();
    CUstream stream;
    OK(cuStreamCreate, &stream, CU_STREAM_NON_BLOCKING);
    CUdeviceptr device;
    OK(cuMemAlloc, &device, 8);
    int *pinned, out[2];
    OK(cuMemAllocHost, reinterpret_cast<void **>(&pinned), 16);
    int pageable = 1;
    pinned[0] = 1;
    OK(cuMemcpyHtoDAsync, device, pinned, 4, stream);
    OK(cuMemcpyHtoDAsync, device + 4, &pageable, 4, stream);
    pinned[0] = 2; // too early
    pageable = 2;  // harmless
    OK(cuStreamSynchronize, stream);
    OK(cuMemcpyDtoH, out, device, 8);
    EXPECT_EQ(out[0], 2);
    EXPECT_EQ(out[1], 1);
    pinned[2] = -1;
    OK(cuMemcpyDtoHAsync, pinned + 2, device + 4, 4, stream);
    EXPECT_EQ(pinned[2], -1); // not there before anybody waits
    OK(cuStreamSynchronize, stream);
    EXPECT_EQ(pinned[2], 1);
  });
}

TEST(DriverMemory, PointersKnowWhatTheyAre) {
  expectRun({}, [] {
    begin();
    CUdeviceptr device, managed, base;
    void *host;
    size_t bytes;
    unsigned type;
    OK(cuMemAlloc, &device, 1000);
    OK(cuMemAllocManaged, &managed, 100, CU_MEM_ATTACH_GLOBAL);
    OK(cuMemHostAlloc, &host, 100, CU_MEMHOSTALLOC_DEVICEMAP);
    OK(cuPointerGetAttribute, &type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, device + 10);
    EXPECT_EQ(type, unsigned(CU_MEMORYTYPE_DEVICE));
    OK(cuPointerGetAttribute, &type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CUdeviceptr(host));
    EXPECT_EQ(type, unsigned(CU_MEMORYTYPE_HOST));
    bool isManaged = false;
    OK(cuPointerGetAttribute, &isManaged, CU_POINTER_ATTRIBUTE_IS_MANAGED, managed);
    EXPECT_TRUE(isManaged);
    EXPECT_EQ(CU(cuPointerGetAttribute)(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CUdeviceptr(&device)),
              CUDA_ERROR_INVALID_VALUE);
    OK(cuMemGetAddressRange, &base, &bytes, device + 999);
    EXPECT_EQ(base, device);
    EXPECT_EQ(bytes, 1000u);
    *reinterpret_cast<int *>(managed) = 7; // the host uses it directly
    int out = 0;
    OK(cuMemcpyDtoH, &out, managed, 4);
    EXPECT_EQ(out, 7);
    CUdeviceptr mapped;
    OK(cuMemHostGetDevicePointer, &mapped, host, 0);
    OK(cuMemFreeHost, host);
    EXPECT_EQ(CU(cuMemFreeHost)(host), CUDA_ERROR_INVALID_VALUE);
  });
}

TEST(DriverMemory, RegisteredHostMemoryIsUsedByKernels) {
  expectRun({}, [] {
    begin();
    std::vector<unsigned> words(100, 1);
    CUfunction add = loadFunction(arithmeticPtx(), "add");
    OK(cuMemHostRegister, words.data(), 400, 0);
    EXPECT_EQ(CU(cuMemHostRegister)(words.data(), 4, 0), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
    CUdeviceptr device;
    OK(cuMemHostGetDevicePointer, &device, words.data(), 0);
    ASSERT_EQ(launch(add, device, 5, 100), CUDA_SUCCESS);
    OK(cuCtxSynchronize);
    EXPECT_EQ(words, std::vector<unsigned>(100, 6));
    OK(cuMemHostUnregister, words.data());
    EXPECT_EQ(CU(cuMemHostUnregister)(words.data()), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
    ASSERT_EQ(launch(add, device, 5, 100), CUDA_SUCCESS);
    EXPECT_EQ(CU(cuCtxSynchronize)(), CUDA_ERROR_ILLEGAL_ADDRESS);
  });
}

TEST(DriverMemory, StreamOrderedAllocation) {
  expectRun({}, [] {
    begin();
    CUstream stream;
    OK(cuStreamCreate, &stream, 0);
    CUmemoryPool pool;
    OK(cuDeviceGetDefaultMemPool, &pool, 0);
    CUdeviceptr memory;
    cuuint64_t used = 0;
    OK(cuMemAllocAsync, &memory, 4096, stream);
    OK(cuMemPoolGetAttribute, pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &used);
    EXPECT_EQ(used, 4096u);
    OK(cuMemsetD8Async, memory, 1, 4096, stream);
    OK(cuMemFreeAsync, memory, stream);
    EXPECT_EQ(CU(cuMemFreeAsync)(memory, stream), CUDA_ERROR_INVALID_VALUE);
    OK(cuStreamSynchronize, stream);
    OK(cuMemPoolGetAttribute, pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &used);
    EXPECT_EQ(used, 0u);
    EXPECT_EQ(CU(cuMemsetD8)(memory, 1, 1), CUDA_ERROR_INVALID_VALUE);
  });
}

// Freed on one stream while another one still has a fill to do.
TEST(DriverMemory, UseAfterAsynchronousFreeIsFound) {
  Outcome outcome = expectRun({}, [] {
    begin();
    CUstream one, other;
    OK(cuStreamCreate, &one, 0);
    OK(cuStreamCreate, &other, 0);
    CUdeviceptr memory;
    OK(cuMemAllocAsync, &memory, 64, one);
    OK(cuMemFreeAsync, memory, one);
    OK(cuMemsetD8Async, memory, 1, 64, other); // no event between the two
    EXPECT_EQ(CU(cuCtxSynchronize)(), CUDA_ERROR_ILLEGAL_ADDRESS);
    CUdeviceptr more;
    EXPECT_EQ(CU(cuMemAlloc)(&more, 4), CUDA_ERROR_ILLEGAL_ADDRESS); // sticky
  });
  EXPECT_TRUE(outcome.reports("1 finding"));
}

TEST(DriverMemory, VirtualMemory) {
  expectRun({}, [] {
    begin();
    CUmemAllocationProp properties{};
    properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, 0};
    size_t unit;
    OK(cuMemGetAllocationGranularity, &unit, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM);
    CUdeviceptr range;
    CUmemGenericAllocationHandle memory;
    OK(cuMemAddressReserve, &range, 3 * unit, 0, 0, 0);
    OK(cuMemCreate, &memory, unit, &properties, 0);
    EXPECT_EQ(CU(cuMemsetD32)(range, 1, 4), CUDA_ERROR_INVALID_VALUE); // nothing there yet
    OK(cuMemMap, range, unit, 0, memory, 0);
    OK(cuMemMap, range + unit, unit, 0, memory, 0); // the same memory again
    EXPECT_EQ(CU(cuMemMap)(range + unit, unit, 0, memory, 0), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(CU(cuMemsetD32)(range, 1, 4), CUDA_ERROR_INVALID_VALUE); // no access yet
    CUmemAccessDesc access{{CU_MEM_LOCATION_TYPE_DEVICE, 0}, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    OK(cuMemSetAccess, range, 2 * unit, &access, 1);
    OK(cuMemRelease, memory);
    OK(cuMemsetD32, range, 77, 2 * unit / 4); // across both mappings
    unsigned out = 0;
    OK(cuMemsetD32, range, 78, 1);
    OK(cuMemcpyDtoH, &out, range + unit, 4);
    EXPECT_EQ(out, 78u); // an alias
    EXPECT_EQ(CU(cuMemsetD32)(range + 2 * unit, 1, 1), CUDA_ERROR_INVALID_VALUE);
    OK(cuMemUnmap, range + unit, unit);
    EXPECT_EQ(CU(cuMemcpyDtoH)(&out, range + unit, 4), CUDA_ERROR_INVALID_VALUE);
    OK(cuMemcpyDtoH, &out, range, 4);
    OK(cuMemUnmap, range, unit);
    OK(cuMemAddressFree, range, 3 * unit);
  });
}
