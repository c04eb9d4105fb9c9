// The table's machinery: patterns are compiled once into small automata, indexed by opcode.
#include "ptx/InstructionTable.h"

#include "ptx/Forms.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/ErrorHandling.h"

namespace ptxsim::ptx {

llvm::ArrayRef<Form> instructionTable() {
  static const std::vector<Form> table = [] {
    std::vector<Form> rows;
    for (auto family :
         {integerForms, floatForms, halfForms, conversionForms, logicForms, videoForms, memoryForms, atomicForms,
          warpForms, barrierForms, asyncForms, tensorForms, matrixForms, wmmaForms, wgmmaForms, controlForms})
      llvm::append_range(rows, family());
    return rows;
  }();
  return table;
}

/// Pieces of one nonzero class mean something by their order among themselves: types, source and destination spaces,
/// layouts, priorities.
static unsigned orderClass(llvm::StringRef piece) {
  if (typeNamed(piece) != Type::None)
    return 1;
  if (piece == "row" || piece == "col")
    return 2;
  if (piece == "global" || piece.starts_with("shared") || piece == "local" || piece == "const" ||
      piece.starts_with("param"))
    return 3;
  return piece.starts_with("L2::evict_") ? 4 : 0;
}

namespace {

/// A pattern as an automaton. Node 0 is the start; a node either consumes a word or branches without consuming.
class Pattern {
public:
  explicit Pattern(llvm::StringRef text) : rest(text) {
    opcode = takeWord();
    start = sequence(accept = addNode({}));
    if (!rest.empty())
      broken("unexpected '" + rest.str() + "'");
  }

  llvm::StringRef opcode;

  bool matches(llvm::ArrayRef<llvm::StringRef> pieces) const { return matches(start, pieces); }
  /// Puts the pieces into the order of the pattern if that makes them match.
  bool reorder(llvm::SmallVectorImpl<llvm::StringRef> &pieces) const {
    llvm::SmallVector<llvm::StringRef, 12> left(pieces.begin(), pieces.end()), taken;
    if (!reorder(start, left, taken))
      return false;
    pieces.assign(taken.begin(), taken.end());
    return true;
  }
  /// How many pieces any path can consume, to tell which piece is wrong.
  size_t longestPrefix(llvm::ArrayRef<llvm::StringRef> pieces) const { return longestPrefix(start, pieces); }
  void spell(std::vector<std::vector<std::string>> &result) const {
    std::vector<std::string> prefix{opcode.str()};
    spell(start, prefix, result);
  }

private:
  struct Node {
    llvm::StringRef word; ///< empty: branch to each of `next`
    llvm::SmallVector<unsigned, 2> next;
  };

  unsigned addNode(Node node) {
    nodes.push_back(std::move(node));
    return nodes.size() - 1;
  }
  [[noreturn]] void broken(const std::string &why) const {
    llvm::report_fatal_error(llvm::Twine("instruction table: pattern of '") + opcode + "': " + why);
  }
  bool take(char c) {
    if (!rest.starts_with(llvm::StringRef(&c, 1)))
      return false;
    rest = rest.drop_front();
    return true;
  }
  llvm::StringRef takeWord() {
    size_t length = rest.find_first_of(".{}()|");
    llvm::StringRef word = rest.take_front(length);
    if (word.empty())
      broken("a word is missing before '" + rest.str() + "'");
    rest = rest.drop_front(word.size());
    return word;
  }

  /// Parses elements up to '}', ')', '|' or the end; returns the node that starts them, with `after` behind.
  unsigned sequence(unsigned after) {
    if (rest.empty() || rest[0] == '}' || rest[0] == ')' || rest[0] == '|')
      return after;
    // What follows this element must exist first: remember the element's text, then build it in front.
    llvm::StringRef element = takeElement();
    unsigned behind = sequence(after);
    llvm::StringRef saved = rest;
    rest = element;
    unsigned start = buildElement(behind);
    rest = saved;
    return start;
  }
  llvm::StringRef takeElement() {
    size_t length = rest[0] == '.' ? 1 : 0;
    if (length < rest.size() && (rest[length] == '{' || rest[length] == '(')) {
      unsigned depth = 0;
      do {
        if (length == rest.size())
          broken("a bracket is open");
        depth += rest[length] == '{' || rest[length] == '(';
        depth -= rest[length] == '}' || rest[length] == ')';
        ++length;
      } while (depth);
    } else {
      length = std::min(rest.find_first_of(".{}()|", length), rest.size());
    }
    llvm::StringRef element = rest.take_front(length);
    rest = rest.drop_front(length);
    return element;
  }
  unsigned buildElement(unsigned behind) {
    if (take('{'))
      return alternatives(behind, true);
    if (take('('))
      return alternatives(behind, false);
    if (!take('.'))
      broken("expected '.' before '" + rest.str() + "'");
    if (!take('('))
      return addNode({takeWord(), {behind}});
    Node choice;
    do
      choice.next.push_back(addNode({takeWord(), {behind}}));
    while (take('|'));
    return addNode(std::move(choice));
  }
  unsigned alternatives(unsigned behind, bool optional) {
    Node choice;
    do
      choice.next.push_back(sequence(behind));
    while (take('|'));
    if (optional)
      choice.next.push_back(behind);
    return addNode(std::move(choice));
  }

  // Depth is bounded by the length of the patterns, which are ours.
  bool matches(unsigned at, llvm::ArrayRef<llvm::StringRef> pieces) const {
    const Node &node = nodes[at];
    if (at == accept)
      return pieces.empty();
    if (!node.word.empty())
      return !pieces.empty() && pieces[0] == node.word && matches(node.next[0], pieces.drop_front());
    return llvm::any_of(node.next, [&](unsigned next) { return matches(next, pieces); });
  }
  bool reorder(unsigned at, llvm::SmallVectorImpl<llvm::StringRef> &left,
               llvm::SmallVectorImpl<llvm::StringRef> &taken) const {
    const Node &node = nodes[at];
    if (at == accept)
      return left.empty();
    if (node.word.empty())
      return llvm::any_of(node.next, [&](unsigned next) { return reorder(next, left, taken); });
    auto found = llvm::find(left, node.word);
    if (found == left.end())
      return false;
    unsigned rank = orderClass(node.word);
    if (rank && std::any_of(left.begin(), found, [&](llvm::StringRef piece) { return orderClass(piece) == rank; }))
      return false;
    size_t index = found - left.begin();
    left.erase(found);
    taken.push_back(node.word);
    if (reorder(node.next[0], left, taken))
      return true;
    taken.pop_back();
    left.insert(left.begin() + index, node.word);
    return false;
  }
  size_t longestPrefix(unsigned at, llvm::ArrayRef<llvm::StringRef> pieces) const {
    const Node &node = nodes[at];
    if (at == accept)
      return 0;
    if (!node.word.empty())
      return !pieces.empty() && pieces[0] == node.word ? 1 + longestPrefix(node.next[0], pieces.drop_front()) : 0;
    size_t longest = 0;
    for (unsigned next : node.next)
      longest = std::max(longest, longestPrefix(next, pieces));
    return longest;
  }
  void spell(unsigned at, std::vector<std::string> &prefix, std::vector<std::vector<std::string>> &result) const {
    const Node &node = nodes[at];
    if (at == accept) {
      result.push_back(prefix);
      return;
    }
    if (!node.word.empty())
      prefix.push_back(node.word.str());
    for (unsigned next : node.next)
      spell(next, prefix, result);
    if (!node.word.empty())
      prefix.pop_back();
  }

  llvm::StringRef rest;
  std::vector<Node> nodes;
  unsigned start = 0, accept = 0;
};

struct Row {
  const Form *form;
  Pattern pattern;
};

/// All patterns, compiled at first use.
const llvm::StringMap<std::vector<Row>> &rowsByOpcode() {
  static const llvm::StringMap<std::vector<Row>> rows = [] {
    llvm::StringMap<std::vector<Row>> result;
    for (const Form &form : instructionTable()) {
      Pattern pattern(form.pattern);
      result[pattern.opcode].push_back({&form, std::move(pattern)});
    }
    return result;
  }();
  return rows;
}

} // namespace

llvm::SmallVector<const Form *, 2> matchForms(llvm::ArrayRef<llvm::StringRef> parts,
                                              llvm::SmallVectorImpl<Type> &types) {
  llvm::SmallVector<const Form *, 2> forms;
  types.clear();
  auto rows = parts.empty() ? rowsByOpcode().end() : rowsByOpcode().find(parts[0]);
  if (rows == rowsByOpcode().end())
    return forms;
  for (const Row &row : rows->second)
    if (row.pattern.matches(parts.drop_front()))
      forms.push_back(row.form);
  for (llvm::StringRef part : parts.drop_front())
    if (Type type = typeNamed(part); type != Type::None)
      types.push_back(type);
  return forms;
}

bool reorderPieces(llvm::SmallVectorImpl<llvm::StringRef> &parts) {
  auto rows = parts.empty() ? rowsByOpcode().end() : rowsByOpcode().find(parts[0]);
  if (rows == rowsByOpcode().end())
    return false;
  llvm::SmallVector<llvm::StringRef, 12> pieces(parts.begin() + 1, parts.end());
  for (const Row &row : rows->second)
    if (row.pattern.reorder(pieces)) {
      std::copy(pieces.begin(), pieces.end(), parts.begin() + 1);
      return true;
    }
  return false;
}

const Form *matchForm(llvm::ArrayRef<llvm::StringRef> parts, llvm::SmallVectorImpl<Type> &types) {
  auto forms = matchForms(parts, types);
  return forms.empty() ? nullptr : forms.front();
}

int firstWrongPiece(llvm::ArrayRef<llvm::StringRef> parts) {
  auto rows = parts.empty() ? rowsByOpcode().end() : rowsByOpcode().find(parts[0]);
  if (rows == rowsByOpcode().end())
    return 0;
  size_t longest = 0;
  for (const Row &row : rows->second)
    longest = std::max(longest, row.pattern.longestPrefix(parts.drop_front()));
  return int(longest + 1);
}

std::vector<std::vector<std::string>> spellings(const Form &form) {
  std::vector<std::vector<std::string>> result;
  Pattern(form.pattern).spell(result);
  return result;
}

} // namespace ptxsim::ptx
