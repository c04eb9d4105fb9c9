// Mutations of real PTX: whatever the text, the parser returns a module or throws an Error with a place in the text.
// Seeds are fixed, so a failure repeats.
#include "ptx/InstructionTable.h"

#include "llvm/ADT/StringExtras.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

using namespace ptxsim::ptx;

namespace {

std::vector<std::string> samples() {
  std::vector<std::string> texts;
  for (const auto &entry : std::filesystem::directory_iterator(std::string(PTXSIM_TEST_DIR) + "/ptx")) {
    if (entry.path().extension() != ".ptx" || entry.file_size() > 100000)
      continue;
    std::ifstream file(entry.path());
    texts.push_back((std::stringstream() << file.rdbuf()).str());
  }
  std::sort(texts.begin(), texts.end());
  return texts;
}

/// Words, numbers and punctuation with the blanks behind them.
std::vector<std::string> tokensOf(const std::string &text) {
  std::vector<std::string> tokens;
  bool inWord = false;
  for (char c : text) {
    bool isWord = llvm::isAlnum(c) || c == '_' || c == '%' || c == '$';
    if (tokens.empty() || !(llvm::isSpace(c) || (isWord && inWord)))
      tokens.emplace_back();
    tokens.back() += c;
    inWord = isWord;
  }
  return tokens;
}

/// Parses; an accepted module must be consistent, a refused one must say where.
void parseAnything(const std::string &text, size_t &numAccepted) {
  size_t lines = std::count(text.begin(), text.end(), '\n') + 1;
  try {
    auto module = parse(text, "fuzz");
    ++numAccepted;
    for (const auto &function : module->functions)
      for (const Instruction &instruction : function->body) {
        ASSERT_NE(instruction.form, nullptr);
        ASSERT_LE(instruction.position.line, lines);
        for (const Operand &operand : instruction.operands) {
          if (operand.kind == Operand::Kind::Register)
            ASSERT_LT(operand.reg, function->registers.size());
          if (operand.kind == Operand::Kind::Label)
            ASSERT_LE(operand.label, function->body.size());
        }
        module->describe(*function, instruction);
      }
  } catch (const Error &error) {
    ASSERT_GE(error.position.line, 1u) << error.what();
    ASSERT_LE(error.position.line, lines) << error.what();
    ASSERT_GE(error.position.column, 1u) << error.what();
  }
}

struct Budget {
  std::chrono::steady_clock::time_point end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
  bool isLeft() const { return std::chrono::steady_clock::now() < end; }
};

TEST(ParserFuzz, Bytes) {
  std::mt19937 random(1);
  size_t numAccepted = 0, numTried = 0;
  auto texts = samples();
  ASSERT_FALSE(texts.empty());
  for (Budget budget; budget.isLeft(); ++numTried) {
    std::string text = texts[random() % texts.size()];
    for (unsigned k = 1 + random() % 4; k--;) {
      size_t at = random() % text.size();
      switch (random() % 4) {
      case 0:
        text[at] = char(random());
        break;
      case 1:
        text.erase(at, 1 + random() % 3);
        break;
      case 2:
        text.insert(at, 1, "{}()[]<>;,.:@!%|+-*/0\"\n"[random() % 23]);
        break;
      case 3:
        text[at] ^= char(1 << random() % 8);
        break;
      }
    }
    parseAnything(text, numAccepted);
  }
  EXPECT_GT(numTried, 50u);
}

TEST(ParserFuzz, Tokens) {
  std::mt19937 random(2);
  size_t numAccepted = 0;
  std::vector<std::vector<std::string>> texts;
  for (const std::string &text : samples())
    texts.push_back(tokensOf(text));
  const char *const extra[] = {"0xFFFFFFFFFFFFFFFF ",
                               "99999999 ",
                               "-1 ",
                               "%tid",
                               ".x",
                               "{ ",
                               "} ",
                               "<1000000> ",
                               "[",
                               "] ",
                               "( ",
                               ") ",
                               "0f00000000 ",
                               "_ ",
                               ".u8 ",
                               ".pred ",
                               ".align ",
                               "9223372036854775807 "};
  for (Budget budget; budget.isLeft();) {
    auto tokens = texts[random() % texts.size()];
    for (unsigned k = 1 + random() % 3; k--;) {
      size_t at = random() % tokens.size(), from = random() % tokens.size();
      switch (random() % 5) {
      case 0:
        tokens[at] = tokens[from];
        break;
      case 1:
        tokens.erase(tokens.begin() + at);
        break;
      case 2:
        tokens.insert(tokens.begin() + at, tokens[from]);
        break;
      case 3:
        std::swap(tokens[at], tokens[from]);
        break;
      case 4:
        tokens[at] = extra[random() % std::size(extra)];
        break;
      }
    }
    parseAnything(llvm::join(tokens, ""), numAccepted);
  }
  EXPECT_GT(numAccepted, 0u) << "no mutation leaves a module whole: the samples are broken";
}

TEST(ParserFuzz, Truncations) {
  size_t numAccepted = 0;
  std::mt19937 random(3);
  auto texts = samples();
  for (Budget budget; budget.isLeft();) {
    const std::string &text = texts[random() % texts.size()];
    parseAnything(text.substr(0, random() % text.size()), numAccepted);
  }
}

TEST(ParserFuzz, SamplesParse) {
  for (const std::string &text : samples()) {
    size_t numAccepted = 0;
    EXPECT_NO_THROW(parse(text, "sample"));
    parseAnything(text, numAccepted);
  }
}

} // namespace
