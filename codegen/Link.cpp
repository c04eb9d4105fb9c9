#include "codegen/Link.h"
#include "codegen/LinkerPath.h"
#include "runtime/abi.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>

namespace mlir::motley::codegen {

using llvm::Error;
using llvm::Expected;
using llvm::SmallString;
using llvm::StringRef;

namespace {

/// A directory for the files of one link, removed with everything in it.
class TemporaryDirectory {
public:
  TemporaryDirectory() { error = llvm::sys::fs::createUniqueDirectory("motley-link", path); }
  ~TemporaryDirectory() {
    if (!error)
      llvm::sys::fs::remove_directories(path);
  }
  std::string file(const llvm::Twine &name) const {
    SmallString<128> result(path);
    llvm::sys::path::append(result, name);
    return result.str().str();
  }
  std::error_code error;

private:
  SmallString<128> path;
};

Expected<StringRef> findLinker(std::string &storage) {
  if (llvm::sys::fs::can_execute(MOTLEY_LINKER))
    return StringRef(MOTLEY_LINKER);
  for (StringRef name : {"ld.lld-22", "ld.lld"}) {
    if (llvm::ErrorOr<std::string> found = llvm::sys::findProgramByName(name)) {
      storage = *found;
      return StringRef(storage);
    }
  }
  return llvm::createStringError("the linker ld.lld was neither found at '" MOTLEY_LINKER
                                 "' nor on PATH; install lld 22");
}

Error ioError(StringRef what, StringRef path, std::error_code error) {
  return llvm::createStringError(error, what + " '" + path + "': " + error.message());
}

} // namespace

Error checkSymbols(llvm::ArrayRef<SmallString<0>> objects) {
  // What LLVM makes of long copies and fills; every process has them.
  llvm::StringSet<> defined = {"memcpy", "memset", "memmove", "_GLOBAL_OFFSET_TABLE_"}, needed;
  for (const SmallString<0> &object : objects) {
    auto file = llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(object, "object"));
    if (!file)
      return file.takeError();
    for (const llvm::object::SymbolRef &symbol : (*file)->symbols()) {
      Expected<StringRef> name = symbol.getName();
      Expected<uint32_t> flags = symbol.getFlags();
      if (!name || !flags)
        return llvm::joinErrors(name.takeError(), flags.takeError());
      bool isUndefined = *flags & llvm::object::SymbolRef::SF_Undefined;
      (isUndefined ? needed : defined).insert(*name);
    }
  }
  for (const auto &entry : needed)
    if (!entry.getKey().empty() && !defined.contains(entry.getKey()))
      return llvm::createStringError("generated code calls '" + entry.getKey() +
                                     "', which is neither in the artefact nor in every process");
  return Error::success();
}

Error writeFile(StringRef path, llvm::ArrayRef<StringRef> contents) {
  if (path == "-") {
    for (StringRef part : contents)
      llvm::outs() << part;
    llvm::outs().flush();
    return Error::success();
  }
  Expected<llvm::sys::fs::TempFile> file =
      llvm::sys::fs::TempFile::create(path + ".%%%%%%%%", llvm::sys::fs::all_read | llvm::sys::fs::all_write);
  if (!file)
    return llvm::createStringError("cannot write beside '" + path + "': " + llvm::toString(file.takeError()));
  std::error_code error;
  {
    llvm::raw_fd_ostream stream(file->FD, /*shouldClose=*/false);
    for (StringRef part : contents)
      stream << part;
    stream.flush();
    error = stream.error();
    stream.clear_error();
  }
  if (error) {
    llvm::consumeError(file->discard());
    return ioError("cannot write", path, error);
  }
  return file->keep(path);
}

Expected<SmallString<0>> link(llvm::ArrayRef<SmallString<0>> objects, LinkKind kind) {
  std::string storage;
  Expected<StringRef> linker = findLinker(storage);
  if (!linker)
    return linker.takeError();
  TemporaryDirectory directory;
  if (directory.error)
    return llvm::createStringError("cannot make a temporary directory: " + directory.error.message());

  std::string output = directory.file("out"), log = directory.file("log");
  std::vector<std::string> arguments = {linker->str(), "-o", output};
  if (kind == LinkKind::Relocatable)
    arguments.push_back("-r");
  else
    arguments.insert(arguments.end(),
                     {"-shared", "-z", "now", "-z", "noexecstack", "--build-id=none", "--gc-sections"});
  for (auto [i, object] : llvm::enumerate(objects)) {
    std::string path = directory.file(llvm::Twine(i) + ".o");
    if (Error error = writeFile(path, StringRef(object)))
      return std::move(error);
    arguments.push_back(path);
  }
  std::string message;
  std::vector<StringRef> views(arguments.begin(), arguments.end());
  std::optional<StringRef> redirects[] = {StringRef(), StringRef(log), StringRef(log)};
  int status = llvm::sys::ExecuteAndWait(*linker, views, std::nullopt, redirects, 0, 0, &message);
  if (status != 0) {
    if (auto text = llvm::MemoryBuffer::getFile(log))
      message += (*text)->getBuffer().str();
    return llvm::createStringError(*linker + " failed with status " + llvm::Twine(status) + ": " +
                                   StringRef(message).trim());
  }
  auto image = llvm::MemoryBuffer::getFile(output);
  if (!image)
    return ioError("cannot read", output, image.getError());
  return SmallString<0>((*image)->getBuffer());
}

void appendTrailer(llvm::SmallVectorImpl<char> &image) {
  motley_trailer trailer;
  llvm::ArrayRef<uint8_t> bytes(reinterpret_cast<const uint8_t *>(image.data()), image.size());
  std::array<uint8_t, 32> digest = llvm::SHA256::hash(bytes);
  std::memcpy(trailer.sha256, digest.data(), digest.size());
  trailer.image_size = image.size();
  std::memcpy(trailer.magic, MOTLEY_TRAILER_MAGIC, sizeof(trailer.magic));
  image.append(reinterpret_cast<const char *>(&trailer), reinterpret_cast<const char *>(&trailer + 1));
}

} // namespace mlir::motley::codegen
