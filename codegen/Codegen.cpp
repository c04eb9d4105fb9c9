#include "codegen/Codegen.h"
#include "codegen/Link.h"
#include "codegen/Program.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/TargetParser/Host.h"

namespace mlir::motley::codegen {

std::optional<EmitKind> parseEmitKind(StringRef name) {
  return llvm::StringSwitch<std::optional<EmitKind>>(name)
      .Case("kernel", EmitKind::Kernel)
      .Case("llvm", EmitKind::LLVM)
      .Case("asm", EmitKind::Assembly)
      .Case("obj", EmitKind::Object)
      .Case("so", EmitKind::SharedObject)
      .Default(std::nullopt);
}

int hostLevel() {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  auto hasAll = [&](std::initializer_list<StringRef> names) {
    return llvm::all_of(names, [&](StringRef name) { return features.lookup(name); });
  };
  if (!hasAll({"avx2", "fma", "bmi", "bmi2", "f16c", "lzcnt", "movbe"}))
    return -1;
  if (!hasAll({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}))
    return MOTLEY_LEVEL_AVX2;
  return hasAll({"avx512bf16"}) ? MOTLEY_LEVEL_AVX512_BF16 : MOTLEY_LEVEL_AVX512;
}

static LogicalResult report(ModuleOp module, llvm::Error error) {
  if (!error)
    return success();
  return module.emitError() << llvm::toString(std::move(error));
}

static LogicalResult writeText(ModuleOp module, StringRef path, ArrayRef<std::string> parts) {
  SmallVector<StringRef> views(parts.begin(), parts.end());
  return report(module, writeFile(path, views));
}

LogicalResult emitArtifact(ModuleOp module, EmitKind kind, StringRef path, TimingScope timing) {
  FailureOr<Program> program = Program::build(module, kTargets, timing);
  if (failed(program))
    return failure();
  if (kind == EmitKind::Kernel) {
    std::string text;
    llvm::raw_string_ostream(text) << program->root() << "\n";
    return writeText(module, path, text);
  }

  FailureOr<std::vector<MachineModule>> modules = program->compile(timing);
  if (failed(modules))
    return failure();
  if (kind == EmitKind::LLVM) {
    std::vector<std::string> texts;
    for (const MachineModule &part : *modules)
      texts.push_back(part.printIR());
    return writeText(module, path, texts);
  }

  bool isText = kind == EmitKind::Assembly;
  auto files =
      compileAll(*modules, isText ? llvm::CodeGenFileType::AssemblyFile : llvm::CodeGenFileType::ObjectFile, timing);
  if (!files)
    return report(module, files.takeError());
  if (isText) {
    SmallVector<StringRef> views(files->begin(), files->end());
    return report(module, writeFile(path, views));
  }
  TimingScope linking = timing.nest("link");
  if (llvm::Error error = checkSymbols(*files))
    return report(module, std::move(error));
  auto image = link(*files, kind == EmitKind::Object ? LinkKind::Relocatable : LinkKind::Shared);
  if (!image)
    return report(module, image.takeError());
  if (kind == EmitKind::SharedObject)
    appendTrailer(*image);
  return report(module, writeFile(path, StringRef(*image)));
}

} // namespace mlir::motley::codegen
