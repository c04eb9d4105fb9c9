// cuStream* without captures, cuEvent*.
#include "driver/Streams.h"

#include <cstring>

using namespace ptxsim;

namespace {

/// A stream of any context; entry points on streams work whichever context is current.
template <class Body> CUresult withStream(const char *name, CUstream handle, Body &&body) {
  return withContext(name, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    std::shared_ptr<Stream> stream = driver.stream(handle, context);
    std::shared_ptr<Context> own = stream->context.lock();
    require(own != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
    require(own->error == CUDA_SUCCESS, own->error);
    return body(driver, stream);
  });
}

template <class Body> CUresult withEvent(const char *name, CUevent handle, Body &&body) {
  return withContext(name, [&](Driver &driver, const std::shared_ptr<Context> &) {
    std::shared_ptr<Event> event = driver.event(handle);
    std::shared_ptr<Context> own = event->context.lock();
    require(own != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
    require(own->error == CUDA_SUCCESS, own->error);
    return body(driver, event);
  });
}

bool isIdle(Driver &driver, const std::shared_ptr<Stream> &stream) {
  if (stream->legacy)
    return driver.queue.predecessors(stream).empty();
  return !stream->last || stream->last->done;
}

uint64_t memoryWord(Driver &driver, CUdeviceptr address, unsigned bytes) {
  require(address % bytes == 0 && driver.device->memory().find(address), CUDA_ERROR_INVALID_VALUE,
          "the address of a stream's memory operation is not device memory, or misaligned");
  return address;
}

void issueWait(Driver &driver, const std::shared_ptr<Stream> &stream, CUdeviceptr address, uint64_t value,
               unsigned bytes, unsigned flags) {
  unsigned comparison = flags & 3;
  require(!(flags & ~(3u | unsigned(CU_STREAM_WAIT_VALUE_FLUSH))), CUDA_ERROR_INVALID_VALUE);
  issue(driver, stream, WaitValueWork{memoryWord(driver, address, bytes), value, bytes, comparison});
}

void issueWrite(Driver &driver, const std::shared_ptr<Stream> &stream, CUdeviceptr address, uint64_t value,
                unsigned bytes, unsigned flags) {
  require(!(flags & ~unsigned(CU_STREAM_WRITE_VALUE_NO_MEMORY_BARRIER)), CUDA_ERROR_INVALID_VALUE);
  issue(driver, stream, WriteValueWork{memoryWord(driver, address, bytes), value, bytes});
}

} // namespace

CUresult cuStreamCreateWithPriority(CUstream *out, unsigned flags, int priority) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    require(out && !(flags & ~unsigned(CU_STREAM_NON_BLOCKING)), CUDA_ERROR_INVALID_VALUE);
    auto stream = std::make_shared<Stream>();
    stream->context = context;
    stream->flags = flags;
    stream->priority = std::min(0, std::max(-5, priority));
    *out = driver.streams.add(stream);
    stream->id = stream->handle;
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamCreate(CUstream *out, unsigned flags) { return cuStreamCreateWithPriority(out, flags, 0); }

CUresult cuStreamDestroy_v2(CUstream handle) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    std::shared_ptr<Stream> stream = driver.streams.find(handle);
    require(stream && !stream->perThread, CUDA_ERROR_INVALID_HANDLE,
            "the stream does not exist, or is a default stream");
    if (stream->capture)
      stream->capture->invalidated = true;
    // Work that was issued still runs, and the legacy stream must go on waiting for it.
    std::shared_ptr<Context> context = stream->context.lock();
    if (context && stream->blocking() && stream->last && !stream->last->done)
      context->retired.push_back(stream->last);
    driver.streams.erase(*stream);
    return CUDA_SUCCESS;
  });
}
CUresult cuStreamDestroy(CUstream stream) { return cuStreamDestroy_v2(stream); }

CUresult cuStreamSynchronize(CUstream handle) {
  return withStream(__func__, handle, [&](Driver &driver, const std::shared_ptr<Stream> &stream) {
    forbidCapturing(*stream);
    driver.queue.finish(stream);
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamQuery(CUstream handle) {
  return withStream(__func__, handle, [&](Driver &driver, const std::shared_ptr<Stream> &stream) {
    forbidCapturing(*stream);
    if (isIdle(driver, stream))
      return CUDA_SUCCESS;
    driver.queue.progress();
    std::shared_ptr<Context> context = stream->context.lock();
    require(context->error == CUDA_SUCCESS, context->error);
    return isIdle(driver, stream) ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
  });
}

CUresult cuStreamWaitEvent(CUstream handle, CUevent event, unsigned flags) {
  return withStream(__func__, handle, [&](Driver &driver, const std::shared_ptr<Stream> &stream) {
    waitEvent(driver, stream, driver.event(event), flags);
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamGetPriority(CUstream handle, int *priority) {
  return withStream(__func__, handle, [&](Driver &, const std::shared_ptr<Stream> &stream) {
    requirePointer(priority);
    *priority = stream->priority;
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamGetFlags(CUstream handle, unsigned *flags) {
  return withStream(__func__, handle, [&](Driver &, const std::shared_ptr<Stream> &stream) {
    requirePointer(flags);
    *flags = stream->flags;
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamGetId(CUstream handle, unsigned long long *id) {
  return withStream(__func__, handle, [&](Driver &, const std::shared_ptr<Stream> &stream) {
    requirePointer(id);
    *id = stream->id;
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamGetDevice(CUstream handle, CUdevice *device) {
  return withStream(__func__, handle, [&](Driver &, const std::shared_ptr<Stream> &) {
    requirePointer(device);
    *device = 0;
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamGetCtx(CUstream handle, CUcontext *out) {
  return withStream(__func__, handle, [&](Driver &driver, const std::shared_ptr<Stream> &stream) {
    requirePointer(out);
    *out = driver.contexts.toHandle(*stream->context.lock());
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamGetCtx_v2(CUstream handle, CUcontext *out, CUgreenCtx *green) {
  if (green)
    *green = nullptr;
  return cuStreamGetCtx(handle, out);
}

CUresult cuStreamGetAttribute(CUstream handle, CUstreamAttrID attribute, CUstreamAttrValue *value) {
  return withStream(__func__, handle, [&](Driver &, const std::shared_ptr<Stream> &stream) {
    requirePointer(value);
    std::memset(value, 0, sizeof *value);
    if (auto found = stream->attributes.find(attribute); found != stream->attributes.end())
      *value = found->second;
    else if (attribute == CU_LAUNCH_ATTRIBUTE_PRIORITY)
      value->priority = stream->priority;
    else if (attribute == CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY)
      value->syncPolicy = CU_SYNC_POLICY_AUTO;
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamSetAttribute(CUstream handle, CUstreamAttrID attribute, const CUstreamAttrValue *value) {
  return withStream(__func__, handle, [&](Driver &, const std::shared_ptr<Stream> &stream) {
    requirePointer(value);
    switch (int(attribute)) {
    case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW:
    case CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY:
    case CU_LAUNCH_ATTRIBUTE_PRIORITY:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN:
      stream->attributes[attribute] = *value; // all hints; kept for cuStreamGetAttribute
      return CUDA_SUCCESS;
    default:
      return CUDA_ERROR_INVALID_VALUE;
    }
  });
}

CUresult cuStreamCopyAttributes(CUstream to, CUstream from) {
  return withStream(__func__, to, [&](Driver &driver, const std::shared_ptr<Stream> &stream) {
    stream->attributes = driver.stream(from, stream->context.lock())->attributes;
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamAttachMemAsync(CUstream handle, CUdeviceptr address, size_t, unsigned) {
  return withStream(__func__, handle, [&](Driver &driver, const std::shared_ptr<Stream> &) {
    auto found = driver.allocationAt(address);
    require(found != driver.allocations.end() && found->second.managed, CUDA_ERROR_INVALID_VALUE);
    return CUDA_SUCCESS; // managed memory is one memory here: nothing moves
  });
}

CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function, void *data) {
  return withStream(__func__, handle, [&](Driver &driver, const std::shared_ptr<Stream> &stream) {
    requirePointer(reinterpret_cast<void *>(function));
    HostWork work;
    work.call = [function, data](CUresult status) {
      if (status == CUDA_SUCCESS) // host functions do not run once the context has failed
        function(data);
    };
    work.function = function;
    work.userData = data;
    issue(driver, stream, work);
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamAddCallback(CUstream handle, CUstreamCallback callback, void *data, unsigned flags) {
  return withStream(__func__, handle, [&](Driver &driver, const std::shared_ptr<Stream> &stream) {
    require(callback && !flags, CUDA_ERROR_INVALID_VALUE);
    forbidCapturing(*stream);
    HostWork work;
    work.call = [=](CUresult status) { callback(handle, status, data); };
    issue(driver, stream, work);
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamWriteValue32_v2(CUstream handle, CUdeviceptr address, cuuint32_t value, unsigned flags) {
  return withStream(__func__, handle, [&](Driver &driver, const std::shared_ptr<Stream> &stream) {
    issueWrite(driver, stream, address, value, 4, flags);
    return CUDA_SUCCESS;
  });
}
CUresult cuStreamWriteValue64_v2(CUstream handle, CUdeviceptr address, cuuint64_t value, unsigned flags) {
  return withStream(__func__, handle, [&](Driver &driver, const std::shared_ptr<Stream> &stream) {
    issueWrite(driver, stream, address, value, 8, flags);
    return CUDA_SUCCESS;
  });
}
CUresult cuStreamWaitValue32_v2(CUstream handle, CUdeviceptr address, cuuint32_t value, unsigned flags) {
  return withStream(__func__, handle, [&](Driver &driver, const std::shared_ptr<Stream> &stream) {
    issueWait(driver, stream, address, value, 4, flags);
    return CUDA_SUCCESS;
  });
}
CUresult cuStreamWaitValue64_v2(CUstream handle, CUdeviceptr address, cuuint64_t value, unsigned flags) {
  return withStream(__func__, handle, [&](Driver &driver, const std::shared_ptr<Stream> &stream) {
    issueWait(driver, stream, address, value, 8, flags);
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamBatchMemOp_v2(CUstream handle, unsigned count, CUstreamBatchMemOpParams *list, unsigned flags) {
  return withStream(__func__, handle, [&](Driver &driver, const std::shared_ptr<Stream> &stream) {
    require((list || !count) && count <= 256 && !flags, CUDA_ERROR_INVALID_VALUE);
    for (unsigned k = 0; k < count; ++k) {
      const auto &wait = list[k].waitValue;
      const auto &write = list[k].writeValue;
      switch (int(list[k].operation)) {
      case CU_STREAM_MEM_OP_WAIT_VALUE_32:
        issueWait(driver, stream, wait.address, wait.value, 4, wait.flags);
        break;
      case CU_STREAM_MEM_OP_WAIT_VALUE_64:
        issueWait(driver, stream, wait.address, wait.value64, 8, wait.flags);
        break;
      case CU_STREAM_MEM_OP_WRITE_VALUE_32:
        issueWrite(driver, stream, write.address, write.value, 4, write.flags);
        break;
      case CU_STREAM_MEM_OP_WRITE_VALUE_64:
        issueWrite(driver, stream, write.address, write.value64, 8, write.flags);
        break;
      case CU_STREAM_MEM_OP_BARRIER: // work of a stream is in order as it is
        break;
      default:
        throw Failure{CUDA_ERROR_NOT_SUPPORTED, "this memory operation is not implemented"};
      }
    }
    return CUDA_SUCCESS;
  });
}

CUresult cuEventCreate(CUevent *out, unsigned flags) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &context) {
    const unsigned known = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;
    require(out && !(flags & ~known), CUDA_ERROR_INVALID_VALUE);
    require(!(flags & CU_EVENT_INTERPROCESS), CUDA_ERROR_NOT_SUPPORTED,
            "events for several processes are not implemented");
    auto event = std::make_shared<Event>();
    event->context = context;
    event->flags = flags;
    *out = driver.events.add(event);
    return CUDA_SUCCESS;
  });
}

CUresult cuEventDestroy_v2(CUevent handle) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    driver.events.erase(*driver.event(handle));
    return CUDA_SUCCESS;
  });
}
CUresult cuEventDestroy(CUevent event) { return cuEventDestroy_v2(event); }

CUresult cuEventRecordWithFlags(CUevent event, CUstream handle, unsigned flags) {
  return withStream(__func__, handle, [&](Driver &driver, const std::shared_ptr<Stream> &stream) {
    recordEvent(driver, stream, driver.event(event), flags);
    return CUDA_SUCCESS;
  });
}
CUresult cuEventRecord(CUevent event, CUstream handle) { return cuEventRecordWithFlags(event, handle, 0); }

CUresult cuEventQuery(CUevent handle) {
  return withEvent(__func__, handle, [&](Driver &driver, const std::shared_ptr<Event> &event) {
    require(!event->capture, CUDA_ERROR_CAPTURED_EVENT);
    if (!event->recorded || event->recorded->done)
      return CUDA_SUCCESS;
    driver.queue.progress();
    CUresult error = event->context.lock()->error;
    require(error == CUDA_SUCCESS, error);
    return event->recorded->done ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
  });
}

CUresult cuEventSynchronize(CUevent handle) {
  return withEvent(__func__, handle, [&](Driver &driver, const std::shared_ptr<Event> &event) {
    require(!event->capture, CUDA_ERROR_CAPTURED_EVENT);
    driver.queue.finish(event->recorded);
    return CUDA_SUCCESS;
  });
}

CUresult cuEventElapsedTime_v2(float *milliseconds, CUevent start, CUevent end) {
  return withContext(__func__, [&](Driver &driver, const std::shared_ptr<Context> &) {
    requirePointer(milliseconds);
    std::shared_ptr<Event> from = driver.event(start), to = driver.event(end);
    for (const std::shared_ptr<Event> &event : {from, to}) {
      require(!event->capture, CUDA_ERROR_CAPTURED_EVENT);
      require(event->recorded && !(event->flags & CU_EVENT_DISABLE_TIMING), CUDA_ERROR_INVALID_HANDLE);
    }
    if (!from->recorded->done || !to->recorded->done) {
      driver.queue.progress();
      return CUDA_ERROR_NOT_READY;
    }
    // Time of the simulation, which says nothing about a chip's.
    *milliseconds = std::chrono::duration<float, std::milli>(to->time - from->time).count();
    return CUDA_SUCCESS;
  });
}
CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
  return cuEventElapsedTime_v2(milliseconds, start, end);
}

CUresult cuCtxRecordEvent(CUcontext handle, CUevent event) {
  return withDriver(__func__, [&](Driver &driver) {
    std::shared_ptr<Context> context = handle ? driver.contexts.find(handle) : currentContext();
    require(context != nullptr, CUDA_ERROR_INVALID_CONTEXT);
    require(context->error == CUDA_SUCCESS, context->error);
    // After all streams of the context, also the non-blocking ones.
    std::vector<OperationRef> all{context->legacyStream->last};
    for (const auto &[id, stream] : driver.streams.all())
      if (stream->context.lock() == context && stream->last)
        all.push_back(stream->last);
    std::shared_ptr<Event> record = driver.event(event);
    record->recorded = driver.queue.submitAfter(context, all, EventWork{record});
    record->capture = nullptr;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxWaitEvent(CUcontext handle, CUevent event) {
  return withDriver(__func__, [&](Driver &driver) {
    std::shared_ptr<Context> context = handle ? driver.contexts.find(handle) : currentContext();
    require(context != nullptr, CUDA_ERROR_INVALID_CONTEXT);
    require(context->error == CUDA_SUCCESS, context->error);
    std::shared_ptr<Event> wait = driver.event(event);
    waitEvent(driver, context->legacyStream, wait, 0);
    for (const auto &[id, stream] : driver.streams.all())
      if (stream->context.lock() == context)
        waitEvent(driver, stream, wait, 0);
    return CUDA_SUCCESS;
  });
}

// The first versions of these took the same arguments.
CUresult cuStreamWriteValue32(CUstream stream, CUdeviceptr address, cuuint32_t value, unsigned flags) {
  return cuStreamWriteValue32_v2(stream, address, value, flags);
}
CUresult cuStreamWriteValue64(CUstream stream, CUdeviceptr address, cuuint64_t value, unsigned flags) {
  return cuStreamWriteValue64_v2(stream, address, value, flags);
}
CUresult cuStreamWaitValue32(CUstream stream, CUdeviceptr address, cuuint32_t value, unsigned flags) {
  return cuStreamWaitValue32_v2(stream, address, value, flags);
}
CUresult cuStreamWaitValue64(CUstream stream, CUdeviceptr address, cuuint64_t value, unsigned flags) {
  return cuStreamWaitValue64_v2(stream, address, value, flags);
}
CUresult cuStreamBatchMemOp(CUstream stream, unsigned count, CUstreamBatchMemOpParams *list, unsigned flags) {
  return cuStreamBatchMemOp_v2(stream, count, list, flags);
}
