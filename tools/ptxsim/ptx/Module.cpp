// The small queries on a parsed module.
#include "ptx/Module.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

namespace ptxsim::ptx {

Error::Error(Position position, const std::string &message)
    : std::runtime_error(std::to_string(position.line) + ":" + std::to_string(position.column) + ": " + message),
      position(position) {}

bool Instruction::has(llvm::StringRef part) const {
  return llvm::is_contained(llvm::ArrayRef(parts).drop_front(), part);
}

llvm::StringRef Instruction::first(std::initializer_list<llvm::StringRef> choices, llvm::StringRef otherwise) const {
  for (llvm::StringRef part : llvm::ArrayRef(parts).drop_front())
    if (llvm::is_contained(choices, part))
      return part;
  return otherwise;
}

unsigned Instruction::vectorWidth() const {
  llvm::StringRef width = first({"v2", "v4", "v8"});
  return width.empty() ? 1 : width[1] - '0';
}

std::string Instruction::spelling() const { return llvm::join(parts, "."); }

uint64_t Function::parameterBytes() const {
  uint64_t end = 0;
  for (const auto &parameter : parameters)
    end = llvm::alignTo(end, parameter->alignment) + parameter->bytes;
  return end;
}

uint64_t Function::parameterOffset(const Variable &wanted) const {
  uint64_t end = 0;
  for (const auto &parameter : parameters) {
    uint64_t start = llvm::alignTo(end, parameter->alignment);
    if (parameter.get() == &wanted)
      return start;
    end = start + parameter->bytes;
  }
  return end;
}

const Function *Module::find(llvm::StringRef wanted) const {
  for (const auto &function : functions)
    if (function->name == wanted)
      return function.get();
  return nullptr;
}

const Variable *Module::findVariable(llvm::StringRef wanted) const {
  for (const auto &variable : variables)
    if (variable->name == wanted)
      return variable.get();
  return nullptr;
}

/// The instruction as written, blanks collapsed, cut at 100 characters.
static std::string excerpt(llvm::StringRef text, Position position) {
  for (uint32_t line = 1; line < position.line; ++line) {
    size_t newline = text.find('\n');
    if (newline == llvm::StringRef::npos)
      return "";
    text = text.drop_front(newline + 1);
  }
  text = text.drop_front(std::min<size_t>(text.size(), position.column - 1));
  constexpr size_t longest = 100;
  std::string result;
  for (char c : text) {
    if (c == ';')
      break;
    if (result.size() >= longest)
      return result + "...";
    if (!llvm::isSpace(c))
      result += c;
    else if (!result.empty() && result.back() != ' ')
      result += ' ';
  }
  return llvm::StringRef(result).rtrim().str();
}

std::string Module::describe(const Function &function, const Instruction &instruction) const {
  std::string result = name + ":" + std::to_string(instruction.position.line) + ":" +
                       std::to_string(instruction.position.column) + ": " + excerpt(text, instruction.position);
  if (instruction.source.line) {
    auto file = files.find(instruction.source.file);
    llvm::StringRef path = file == files.end() ? llvm::StringRef("?") : llvm::StringRef(file->second);
    result += " (" + path.substr(path.rfind('/') + 1).str() + ":" + std::to_string(instruction.source.line) + ")";
  }
  return result;
}

} // namespace ptxsim::ptx
