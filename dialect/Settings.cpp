#include "dialect/Settings.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/SHA256.h"

namespace mlir::motley {

static bool isJsonObject(StringRef text) {
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(text);
  if (value)
    return value->getAsObject() != nullptr;
  llvm::consumeError(value.takeError());
  return false;
}

LogicalResult verifySettings(Operation *op, NamedAttribute attribute) {
  auto text = dyn_cast<StringAttr>(attribute.getValue());
  bool isDigest = attribute.getName() == kDigestAttrName;
  if (isa<ModuleOp>(op) && text && (isDigest || isJsonObject(text.getValue())))
    return success();
  return op->emitOpError() << "carries '" << attribute.getName().getValue()
                           << "', which belongs on a module and is a string"
                           << (isDigest ? "" : " that holds a JSON object");
}

void recordDigest(ModuleOp module) {
  module->removeAttr(kDigestAttrName);
  NamedAttrList all = module->getDiscardableAttrDictionary(), computed = all;
  for (StringRef name : {StringRef(kSettingsAttrName), StringRef("plan.memory")})
    computed.erase(name);
  module->setDiscardableAttrs(computed.getDictionary(module.getContext()));
  std::string text;
  llvm::raw_string_ostream(text) << module;
  module->setDiscardableAttrs(all.getDictionary(module.getContext()));
  std::string digest = llvm::toHex(llvm::SHA256::hash(llvm::arrayRefFromStringRef(text)), /*LowerCase=*/true);
  module->setAttr(kDigestAttrName, StringAttr::get(module.getContext(), digest));
}

} // namespace mlir::motley
