#include "runtime/face/xmp.h"

#include <algorithm>

namespace mien {
namespace {

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

}  // namespace

std::string XmpPacket(const std::vector<PictureText>& texts) {
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
  return "<?xpacket begin=\"\xef\xbb\xbf\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?><x:xmpmeta xmlns:x=\"adobe:ns:meta/\">"
         "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description rdf:about=\"\"" +
         spaces + ">" + elements + "</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end=\"w\"?>";
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
