#include "runtime/face/xmp.h"

#include <algorithm>
#include <optional>

namespace mien {
namespace {

// What stands behind the last description of a packet.
constexpr std::string_view kEnd = "</rdf:RDF>";

struct Property {
  const char* keyword;
  std::string_view prefix, name, space;
};
constexpr Property kProperties[] = {
    {kSoftware, "xmp", "CreatorTool", "http://ns.adobe.com/xap/1.0/"},
    {kParameters, "mien", "Parameters", "urn:mien:provenance#"},
    {kDigitalSourceType, "Iptc4xmpExt", "DigitalSourceType", "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"},
};

// Quotes are escaped in attributes alone, which are read and not written here.
struct Escape {
  char plain;
  std::string_view text;
  bool only_in_attributes = false;
};
constexpr Escape kEscapes[] = {
    {'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;", true}, {'\'', "&apos;", true}};

void AppendEscaped(std::string_view text, std::string* out) {
  for (const char c : text) {
    const auto* const escape = std::ranges::find(kEscapes, c, &Escape::plain);
    if (escape == std::end(kEscapes) || escape->only_in_attributes) {
      *out += c;
    } else {
      *out += escape->text;
    }
  }
}

std::string Unescaped(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const auto* const escape =
        std::ranges::find_if(kEscapes, [&](const Escape& one) { return text.starts_with(one.text); });
    const bool escaped = escape != std::end(kEscapes);
    plain += escaped ? escape->plain : text[0];
    text.remove_prefix(escaped ? escape->text.size() : 1);
  }
  return plain;
}

// What stands between the end of `begin` and the next `end`.
std::string_view Between(std::string_view text, const std::string& begin, const std::string& end) {
  const size_t at = text.find(begin);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + begin.size());
  const size_t last = text.find(end);
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last);
}

// The end of the first property `name` of a text that begins with it, "<" or white space included; npos where it is
// neither an element nor an attribute.
size_t EndOfProperty(std::string_view text, std::string_view name) {
  constexpr std::string_view kSpace = " \t\r\n";
  size_t at = 1 + name.size();
  if (text[0] == '<') {
    const size_t begun = text.find('>', at);
    if (begun == std::string_view::npos || text[begun - 1] == '/') return begun;
    const std::string end = "</" + std::string(name) + ">";
    const size_t ended = text.find(end, begun);
    return ended == std::string_view::npos ? ended : ended + end.size() - 1;
  }
  at = text.find_first_not_of(kSpace, at);
  if (kSpace.find(text[0]) == std::string_view::npos || at == std::string_view::npos || text[at] != '=')
    return std::string_view::npos;
  at = text.find_first_not_of(kSpace, at + 1);
  if (at == std::string_view::npos || (text[at] != '"' && text[at] != '\'')) return std::string_view::npos;
  const size_t end = text.find_first_of(std::string{text[at], '<'}, at + 1);
  return end == std::string_view::npos || text[end] == '<' ? std::string_view::npos : end;
}

// The packet without a property; nothing where it is written in a way that is not known here.
std::optional<std::string> Without(std::string_view packet, std::string_view name) {
  std::string kept;
  for (size_t at; (at = packet.find(name)) != std::string_view::npos;) {
    const size_t end = at == 0 ? std::string_view::npos : EndOfProperty(packet.substr(at - 1), name);
    if (end == std::string_view::npos) return {};
    kept += packet.substr(0, at - 1);
    packet.remove_prefix(at + end);
  }
  return kept.append(packet);
}

}  // namespace

std::string KeptXmp(std::string_view packet, std::vector<std::string>* warnings) {
  std::optional<std::string> kept;
  if (packet.find(kEnd) != std::string_view::npos) kept = packet;
  for (const std::string_view name : {"tiff:Orientation", "xmp:Thumbnails", "xmpNote:HasExtendedXMP"})
    if (kept) kept = Without(*kept, name);
  if (kept && kept->find(kEnd) != std::string::npos) return *kept;
  warnings->push_back("its XMP is left out: it is not written as expected");
  return {};
}

std::string XmpPacket(const std::vector<PictureText>& texts, const std::string& photo) {
  if (texts.empty()) return photo;
  std::string spaces, elements;
  for (const Property& property : kProperties) {
    const auto text = std::ranges::find(texts, property.keyword, &PictureText::keyword);
    if (text == texts.end()) continue;
    const std::string prefix(property.prefix), name = prefix + ":" + std::string(property.name);
    spaces += " xmlns:" + prefix + "=\"" + std::string(property.space) + "\"";
    elements += "<" + name + ">";
    AppendEscaped(text->text, &elements);
    elements += "</" + name + ">";
  }
  const std::string ours = "<rdf:Description rdf:about=\"\"" + spaces + ">" + elements + "</rdf:Description>";
  std::optional<std::string> around = photo;
  for (const Property& property : kProperties)
    if (around) around = Without(*around, std::string(property.prefix).append(":").append(property.name));
  if (around && around->rfind(kEnd) != std::string::npos) return around->insert(around->rfind(kEnd), ours);
  return "<?xpacket begin=\"\xef\xbb\xbf\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?><x:xmpmeta xmlns:x=\"adobe:ns:meta/\">"
         "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">" +
         ours + std::string(kEnd) + "</x:xmpmeta><?xpacket end=\"w\"?>";
}

std::vector<PictureText> TextsInXmp(std::string_view packet) {
  std::vector<PictureText> texts;
  for (const Property& property : kProperties) {
    const std::string name = std::string(property.prefix) + ":" + std::string(property.name);
    std::string_view text = Between(packet, "<" + name + ">", "</" + name + ">");
    if (text.empty()) text = Between(packet, name + "=\"", "\"");
    if (!text.empty()) texts.push_back({property.keyword, Unescaped(text)});
  }
  return texts;
}

}  // namespace mien
