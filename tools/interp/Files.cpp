// Directories of .npy files.
#include "tools/interp/Files.h"

#include "tools/interp/Npy.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

namespace mlir::motley::interp {

static std::string fileIn(StringRef directory, StringRef folder, const llvm::Twine &stem) {
  SmallString<128> path(directory);
  llvm::sys::path::append(path, folder, stem + ".npy");
  return path.str().str();
}

llvm::Error readArguments(StringRef directory, func::FuncOp function, std::vector<RuntimeValue> &arguments) {
  for (unsigned index = arguments.size(); index < function.getNumArguments(); ++index) {
    std::string path = fileIn(directory, "args", llvm::Twine(index));
    std::optional<Field> field = fieldOfArgument(function, index);
    if (field && !llvm::sys::fs::exists(path))
      path = fileIn(directory, "args", stringifyField(*field));
    llvm::Expected<Tensor> tensor = readNpy(path);
    if (!tensor)
      return tensor.takeError();
    arguments.push_back(std::move(*tensor));
  }
  return llvm::Error::success();
}

/// One slot of one variable.
static llvm::Error readSlot(const std::string &path, VariableState *variable, StateSlot slot) {
  if (!variable)
    return llvm::createStringError(llvm::inconvertibleErrorCode(), "%s: the module has no such variable", path.c_str());
  llvm::Expected<Tensor> tensor = readNpy(path);
  if (!tensor)
    return tensor.takeError();
  if (!tensor->isFloat || tensor->shape != variable->shape)
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   "%s: is not a tensor of floats of the variable's shape", path.c_str());
  variable->slot(slot) = std::move(tensor->floats);
  return llvm::Error::success();
}

llvm::Error readVariables(StringRef directory, VariableStore &variables) {
  for (StringRef slotName : kStateSlotNames) {
    SmallString<128> folder(directory);
    llvm::sys::path::append(folder, slotName);
    std::error_code error;
    if (!llvm::sys::fs::is_directory(folder))
      continue;
    for (llvm::sys::fs::directory_iterator it(folder, error), end; it != end && !error; it.increment(error)) {
      StringRef name = llvm::sys::path::filename(it->path());
      if (name.consume_back(".npy"))
        if (llvm::Error failed = readSlot(it->path(), variables.find(name), *parseStateSlot(slotName)))
          return failed;
    }
    if (error)
      return llvm::createStringError(error, "%s", folder.c_str());
  }
  return llvm::Error::success();
}

static Tensor ofList(const std::vector<int64_t> &values) {
  Tensor tensor = Tensor::ofInts({int64_t(values.size())});
  tensor.ints = values;
  return tensor;
}

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

static void addTable(const GroupTable &groups, NamedTensors &files) {
  files.push_back({".row", ofList(groups.row)});
  files.push_back({".offset", ofList(groups.offset)});
  std::vector<int64_t> begin = {0}, slot, inverse;
  for (const std::vector<int64_t> &slots : groups.inverse) {
    llvm::append_range(slot, slots);
    begin.push_back(slot.size());
    inverse.push_back(slots.empty() ? -1 : slots.front());
  }
  if (groups.isSelection) {
    files.push_back({".begin", ofList(begin)});
    files.push_back({".slot", ofList(slot)});
  } else {
    files.push_back({".inverse", ofList(inverse)});
  }
}

llvm::Error writeResults(StringRef directory, ArrayRef<RuntimeValue> results) {
  for (auto [index, value] : llvm::enumerate(results)) {
    NamedTensors files;
    if (value.isTensor()) {
      files.push_back({"", value.getTensor()});
    } else {
      addTable(value.getGroups(), files);
    }
    for (const auto &[suffix, tensor] : files)
      if (llvm::Error failed = writeNpy(fileIn(directory, "results", llvm::Twine(index) + suffix), tensor))
        return failed;
  }
  return llvm::Error::success();
}

llvm::Error writeObservations(StringRef directory, ArrayRef<Observation> observations) {
  for (const Observation &observation : observations)
    if (llvm::Error failed = writeNpy(fileIn(directory, "chosen", observation.name), observation.counts))
      return failed;
  return llvm::Error::success();
}

llvm::Error writeVariables(StringRef directory, VariableStore &variables) {
  for (auto &[name, state] : variables.all())
    for (auto [index, slotName] : llvm::enumerate(kStateSlotNames)) {
      Tensor tensor;
      tensor.shape = state.shape;
      tensor.floats = state.slots[index];
      if (llvm::Error failed = writeNpy(fileIn(directory, slotName, name), tensor))
        return failed;
    }
  return llvm::Error::success();
}

} // namespace mlir::motley::interp
