#include "tool/Mutants.h"

#include <functional>
#include <regex>

namespace ptxsim {
namespace {

using ptx::Instruction;

/// Offsets of the lines of a text; a Position is turned into an offset by them.
std::vector<size_t> lineStarts(const std::string &text) {
  std::vector<size_t> starts{0};
  for (size_t k = 0; k < text.size(); ++k)
    if (text[k] == '\n')
      starts.push_back(k + 1);
  return starts;
}

bool isSynchronisation(const Instruction &instruction) {
  const llvm::StringRef opcode = instruction.opcode();
  return opcode == "bar" || opcode == "barrier" || opcode == "fence" || opcode == "membar" || opcode == "mbarrier" ||
         (opcode == "wgmma" && !instruction.has("mma_async")) ||
         (opcode == "cp" && (instruction.has("commit_group") || instruction.has("wait_group") ||
                             instruction.has("wait_all") || instruction.has("bulk") || instruction.has("mbarrier")));
}

/// Whether the first operand is a predicate that a wait or an election sets: the mutant sets it to true without asking.
bool setsPredicate(const Instruction &instruction, const ptx::Function &function) {
  return !instruction.operands.empty() && instruction.operands[0].kind == ptx::Operand::Kind::Register &&
         function.registers[instruction.operands[0].reg].type == ptx::Type::Pred &&
         (instruction.has("try_wait") || instruction.has("test_wait"));
}

struct Rewriting {
  const char *operation;
  const char *pattern; // ECMAScript, on the text of one instruction
  const char *replacement;
};

// Each row's every match is one mutant.
const Rewriting rewritings[] = {
    {"negate guard", R"(^@!(?=[%\w]))", "@"},
    {"negate guard", R"(^@(?=[%\w]))", "@!"},
    {"weaken order", R"(\.(acquire|release|acq_rel)(?=\.))", ".relaxed"},
    {"narrow scope", R"(\.(gpu|sys|gl)(?=[.\s;]))", ".cta"},
    {"shift comparison", R"(\.lt(?=[.u]))", ".le"},
    {"shift comparison", R"(\.le(?=[.u]))", ".lt"},
    {"shift comparison", R"(\.gt(?=[.u]))", ".ge"},
    {"shift comparison", R"(\.ge(?=[.u]))", ".gt"},
    {"negate comparison", R"(^(@!?\S+\s+)?setp\.eq(?=\.))", "$1setp.ne"},
    {"negate comparison", R"(^(@!?\S+\s+)?setp\.ne(?=\.))", "$1setp.eq"},
    {"swap add and sub", R"(^(@!?\S+\s+)?add(?=\.))", "$1sub"},
    {"swap add and sub", R"(^(@!?\S+\s+)?sub(?=\.))", "$1add"},
    {"swap min and max", R"(^(@!?\S+\s+)?min(?=\.))", "$1max"},
    {"swap min and max", R"(^(@!?\S+\s+)?max(?=\.))", "$1min"},
    {"swap and and or", R"(^(@!?\S+\s+)?and(?=\.))", "$1or"},
    {"swap and and or", R"(^(@!?\S+\s+)?xor(?=\.))", "$1or"},
    {"swap shifts", R"(^(@!?\S+\s+)?shl(?=\.b))", "$1shr"},
    {"change shuffle", R"(shfl\.sync\.(up|down|idx)(?=\.))", "shfl.sync.bfly"},
    {"change shuffle", R"(shfl\.sync\.bfly(?=\.))", "shfl.sync.down"},
    {"move address", R"(\+(\d+)\])", "+$1+16]"},
    {"move address", R"(\[(%\w+)\])", "[$1+16]"},
};

/// The integer literals of an instruction and what becomes of each: one more, or zero.
void changeNumbers(const std::string &before, const std::function<void(const char *, std::string)> &add) {
  static const std::regex number(R"((^|[\s,{(])(-?\d+)(?=[\s,;})]))");
  for (std::sregex_iterator it(before.begin(), before.end(), number), end; it != end; ++it) {
    const std::string digits = (*it)[2];
    if (digits.size() > 18)
      continue;
    const size_t at = it->position(2);
    auto with = [&](const std::string &value) { return std::string(before).replace(at, digits.size(), value); };
    add("increase constant", with(std::to_string(std::stoll(digits) + 1)));
    if (digits != "0")
      add("zero constant", with("0"));
  }
}

/// The last two operands of an instruction exchanged.
std::string swapSources(const std::string &before) {
  static const std::regex operands(R"(^(.*\s)(%\w+), (%\w+), (%\w+);$)");
  std::smatch match;
  if (!std::regex_match(before, match, operands) || match[3] == match[4])
    return before;
  return match[1].str() + match[2].str() + ", " + match[4].str() + ", " + match[3].str() + ";";
}

} // namespace

std::string Mutant::apply(const std::string &text) const {
  return std::string(text).replace(offset, before.size(), after);
}

bool parses(const ptx::Module &module, const Mutant &mutant) {
  try {
    ptx::parse(mutant.apply(module.text), module.name);
    return true;
  } catch (const ptx::Error &) {
    return false;
  }
}

std::vector<Mutant> makeMutants(const ptx::Module &module, const std::string &function) {
  const std::vector<size_t> starts = lineStarts(module.text);
  std::vector<Mutant> mutants;
  for (const auto &owner : module.functions) {
    if (!owner->hasBody || (!function.empty() && owner->name != function))
      continue;
    for (const Instruction &instruction : owner->body) {
      if (instruction.position.line == 0 || instruction.position.line > starts.size())
        continue;
      const size_t offset = starts[instruction.position.line - 1] + instruction.position.column - 1;
      const size_t end = module.text.find(';', offset);
      if (end == std::string::npos)
        continue;
      const std::string before = module.text.substr(offset, end + 1 - offset);
      auto add = [&](const char *operation, std::string after) {
        if (after != before)
          mutants.push_back({operation, instruction.position, before, std::move(after), offset});
      };
      const bool returns =
          instruction.opcode() == "ret" || instruction.opcode() == "exit" || instruction.opcode() == "bra";
      if (setsPredicate(instruction, *owner)) {
        const std::string predicate = owner->registers[instruction.operands[0].reg].name;
        add("ignore result", "setp.eq.u32 " + predicate + ", 0, 0;");
      } else if (isSynchronisation(instruction)) {
        add("delete", "");
      }
      if (instruction.opcode() == "st" || instruction.opcode() == "red")
        add("delete", "");
      if (returns && !instruction.hasGuard)
        continue;
      for (const Rewriting &row : rewritings) {
        const std::regex pattern(row.pattern);
        for (std::sregex_iterator it(before.begin(), before.end(), pattern), last; it != last; ++it)
          add(row.operation, before.substr(0, it->position()) + it->format(row.replacement) +
                                 before.substr(it->position() + it->length()));
      }
      changeNumbers(before, add);
      if (instruction.opcode() == "sub" || instruction.opcode() == "shl" || instruction.opcode() == "shr")
        add("swap operands", swapSources(before));
    }
  }
  return mutants;
}

} // namespace ptxsim
