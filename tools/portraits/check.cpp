// What must hold of every picture: the same bits each time, landmarks where the alignment expects them,
// attributes that show, people sampled as the README says. Prints what fails; exit status 1 then.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "dataset.h"
#include "describe.h"

using namespace portraits;

namespace {

int failures = 0;

void expect(bool holds, const char* what, double found) {
  if (holds) return;
  std::printf("FAILED: %s (found %g)\n", what, found);
  ++failures;
}

Latent with(Latent u, std::initializer_list<std::pair<Factor, float>> changes) {
  for (const auto& [factor, raw] : changes) u[factor] = latent_for(factor, raw);
  return u;
}

Latent somebody(int person) {
  return with(photograph(person, 1, 2)[0].u,
              {{kGlasses, 0}, {kYaw, 0}, {kPitch, 0}, {kBald, 0}, {kBeard, 0}, {kAge, 30}, {kSmile, 0.05f}});
}

Rendered draw(const Latent& u, int size = 48) { return render(decode(u), size); }

// Mean absolute difference of two pictures where `where` says.
double difference(const Picture& a, const Picture& b) {
  double sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(int(a.pixels[i]) - int(b.pixels[i]));
  return sum / double(a.pixels.size());
}

// FNV-1a
uint32_t digest(const Picture& p) {
  uint32_t h = 2166136261u;
  for (uint8_t b : p.pixels) h = (h ^ b) * 16777619u;
  for (uint8_t b : p.face) h = (h ^ b) * 16777619u;
  return h;
}

void check_bits() {
  uint32_t all = 0;
  for (int person : {3, 8}) {
    const Latent u = photograph(person, 1, 2)[0].u;
    const uint32_t once = digest(draw(u).picture);
    expect(once == digest(draw(u).picture), "the same latent gives the same bits", once);
    all ^= once;
  }
  // Changes with every change of the drawing; must not differ between processors or compilers.
  constexpr uint32_t kKnown = 0x50bc1576;
  if (all != kKnown) std::printf("digest of these pictures: 0x%08x\n", all);
  expect(all == kKnown, "pictures have the bits of this version on every processor", all);
}

// The formula by hand: eyes 10 apart and the mouth `down` below them.
void check_alignment(float down, float half) {
  std::array<Flat, kLandmarks> l{};
  for (int i = 36; i < 42; ++i) l[i] = {-5, 0}, l[i + 6] = {5, 0};
  l[48] = {-3, down}, l[54] = {3, down};
  const Frame f = ffhq_frame(l);
  expect(std::abs(f.center.x) < 1e-4f && std::abs(f.center.y - down / 10) < 1e-4f, "centre of FFHQ's frame",
         f.center.y);
  expect(std::abs(f.half.x - half) < 1e-3f && std::abs(f.half.y) < 1e-4f, "size of FFHQ's frame", f.half.x);
}

void check_frame() {
  check_alignment(9, 20);   // twice the distance of the eyes
  check_alignment(20, 36);  // 1.8 times the way to the mouth
  for (int person = 0; person < 16; ++person) {
    const Rendered r = draw(photograph(person, 1, 2)[0].u, 32);
    const Frame f = ffhq_frame(r.landmarks);
    const float off = std::max(
        {std::abs(f.center.x - 16), std::abs(f.center.y - 16), std::abs(f.half.x - 16), std::abs(f.half.y)});
    expect(off < .01f, "FFHQ's crop by the landmarks is the picture", off);
    const auto& l = r.landmarks;
    float outside = 0;
    for (int i = 17; i < kLandmarks; ++i)
      outside = std::max({outside, -l[i].x, -l[i].y, l[i].x - 32, l[i].y - 32});
    expect(outside <= 0, "brows, nose, eyes and mouth lie in the picture", outside);
    for (const auto& run :
         {std::pair{36, 39}, {42, 45}, {17, 21}, {22, 26}, {31, 35}, {48, 54}, {60, 64}, {0, 16}})
      for (int i = run.first; i < run.second; ++i)
        expect(l[i].x < l[i + 1].x + 1, "landmarks run from left to right", i);
    for (const auto& run : {std::pair{39, 41}, {45, 47}, {54, 59}, {64, 67}})
      for (int i = run.first; i < run.second; ++i)
        expect(l[i].x > l[i + 1].x - 1, "and back along the lower lids and lips", i);
    expect(l[37].y < l[41].y && l[38].y < l[40].y && l[51].y < l[57].y && l[27].y < l[33].y &&
               l[33].y < l[51].y && l[57].y < l[8].y,
           "lids, nose, lips and chin run from top to bottom", person);
    int face = 0;
    for (uint8_t b : r.picture.face) face += b > 127;
    expect(face > 32 * 32 / 8, "a share of the picture is face", face);
  }
}

// Each step of an attribute shows, and what it should move moves its way.
void check_attributes() {
  const std::pair<Factor, std::vector<float>> sweeps[] = {
      {kGlasses, {0, 1}},         {kYaw, {0, 10, 20, 33}},     {kPitch, {0, 6, 12, 17}},
      {kBald, {0, .35f, .7f, 1}}, {kBeard, {0, .35f, .7f, 1}}, {kAge, {4.5f, 12, 30, 78}},
      {kSmile, {0, .35f, .7f, 1}}};
  for (int person : {1, 12})
    for (const auto& [factor, values] : sweeps) {
      const Rendered first = draw(with(somebody(person), {{factor, values[0]}}));
      Picture before = first.picture;
      for (size_t i = 1; i < values.size(); ++i) {
        const Latent u = with(somebody(person), {{factor, values[i]}});
        const auto shown = decode(u).attributes.values();
        expect(std::abs(shown[factor] - values[i]) < 0.02f * std::max(1.0f, std::abs(values[i])),
               "latent_for gives the value asked for", shown[factor]);
        Picture now = draw(u).picture;
        const double moved = difference(now, before), away = difference(now, first.picture);
        expect(moved > .15 && away > .15, kFactorNames[factor], std::min(moved, away));
        before = std::move(now);
      }
    }
  for (int person : {4, 9}) {
    const auto at = [&](Factor f, float raw) {
      return draw(with(somebody(person), {{f, raw}}), 16).landmarks;
    };
    const auto mouth = [](const auto& l) { return l[54].x - l[48].x; };
    expect(mouth(at(kSmile, 1)) > mouth(at(kSmile, 0)) * 1.1f, "a smile widens the mouth", person);
    const auto face = [](const auto& l) { return (l[8].y - l[27].y) / (l[45].x - l[36].x); };
    expect(face(at(kAge, 4.5f)) < face(at(kAge, 12)) && face(at(kAge, 12)) < face(at(kAge, 25)),
           "a face grows longer with the child", person);
    const auto turn = [](const auto& l) { return l[30].x - (l[36].x + l[45].x) / 2; };
    expect(turn(at(kYaw, 25)) > turn(at(kYaw, 0)) && turn(at(kYaw, 0)) > turn(at(kYaw, -25)),
           "positive yaw turns to the right", person);
    const auto bare = [&](float bald) {  // how much of the head is skin of the face
      int sum = 0;
      for (uint8_t b : draw(with(somebody(person), {{kBald, bald}, {kFringe, -1}})).picture.face) sum += b;
      return sum;
    };
    expect(bare(1) > bare(.5f) && bare(.5f) > bare(0), "the hairline goes back", person);
    const auto nod = [](const auto& l) { return l[33].y - (l[36].y + l[45].y) / 2; };
    expect(nod(at(kPitch, 15)) > nod(at(kPitch, -15)), "positive pitch turns down", person);
  }
}

void check_sampling() {
  constexpr int kPeople = 4000;
  double sums[3] = {}, squares[3] = {}, products[3] = {};
  int bands[6] = {}, tones[5] = {};
  for (int i = 0; i < kPeople; ++i) {
    const Latent u = photograph(i, 1, 2)[0].u;
    const Portrait p = decode(u);
    const double values[3] = {p.identity.tone, u[kHairTone], p.attributes.age};
    for (int k = 0; k < 3; ++k) {
      sums[k] += values[k], squares[k] += values[k] * values[k],
          products[k] += values[k] * values[(k + 1) % 3];
    }
    ++bands[age_band(p.attributes.age)];
    ++tones[std::min(4, int(p.identity.tone * 5))];
  }
  for (int k = 0; k < 3; ++k) {
    const int j = (k + 1) % 3;
    const double covariance = products[k] / kPeople - sums[k] * sums[j] / kPeople / kPeople;
    const auto spread = [&](int i) {
      return std::sqrt(squares[i] / kPeople - sums[i] * sums[i] / kPeople / kPeople);
    };
    const double correlation = covariance / spread(k) / spread(j);
    expect(std::abs(correlation) < .05, "skin tone, hair tone and age are independent", correlation);
  }
  for (int n : tones) expect(std::abs(n - kPeople / 5) < kPeople / 40, "skin tones are even", n);
  constexpr float kYears[] = {9, 7, 15, 15, 15, 15};
  for (int b = 0; b < 6; ++b)
    expect(std::abs(bands[b] - kPeople * kYears[b] / 76) < kPeople / 50.0f, "ages are even", bands[b]);
}

}  // namespace

int main() {
  check_bits();
  check_frame();
  check_attributes();
  check_sampling();
  if (!failures) std::puts("portraits: all as it should be");
  return failures ? 1 : 0;
}
