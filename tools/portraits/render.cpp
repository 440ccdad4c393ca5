// Two samples a pixel in each direction: the mesh is rasterised, samples of the same material are painted and
// lit eight at a time, and the four samples of a pixel are averaged in linear light.
#include "render.h"

#include <algorithm>
#include <memory>
#include <numeric>

#include "figure.h"
#include "light.h"
#include "room.h"

namespace portraits {
namespace {

constexpr int kSamples = Canvas::kSamples;
constexpr int kTile = 512;           // pixels; larger pictures are drawn in tiles
constexpr float kEyes = .75f;        // where the camera is focused, decimetres before the middle of the head
constexpr float kBlur = .75f / 256;  // of a portrait's side, for each decimetre behind
constexpr float kAverageFrame = 2.55f;  // decimetres

// Gathers eight samples: weights of the corners from the projected triangle.
void gather(const Mesh& mesh, const Layer& layer, const int* samples, Hits& hits) {
  for (int i = 0; i < kLanes; ++i) {
    const int s = samples[i];
    const auto& t = mesh.triangles[layer.triangle[s]];
    const Point a = layer.corners[t[0]], b = layer.corners[t[1]], c = layer.corners[t[2]];
    const float x = float(s % layer.width) + .5f - a.x, y = float(s / layer.width) + .5f - a.y;
    const float inverse = 1 / ((b.x - a.x) * (c.y - a.y) - (c.x - a.x) * (b.y - a.y));
    const float v = ((c.y - a.y) * x - (c.x - a.x) * y) * inverse,
                w = ((b.x - a.x) * y - (b.y - a.y) * x) * inverse;
    const Vertex &p = mesh.vertices[t[0]], &q = mesh.vertices[t[1]], &r = mesh.vertices[t[2]];
    const auto blend = [&](Point Vertex::*m) { return (p.*m) * (1 - v - w) + (q.*m) * v + (r.*m) * w; };
    set_lane(hits.position, i, blend(&Vertex::position));
    set_lane(hits.normal, i, blend(&Vertex::normal));
    set_lane(hits.at, i, blend(&Vertex::at));
    set_lane(hits.root, i, blend(&Vertex::root));
  }
  hits.normal = normalize(hits.normal);
  hits.ray = normalize(hits.position - splat(Point{0, 0, kCameraDistance}));
}

Paint paint_of(const Painter& painter, Material m, const Hits& hits) {
  switch (m) {
    case kEar:
      return painter.ear(hits);
    case kHair:
      return painter.hair(hits);
    case kWhiskers:
      return painter.whiskers(hits);
    case kFrame:
      return painter.frame(hits);
    case kCloth:
      return painter.cloth(hits);
    default:
      return painter.head(hits);
  }
}

class Artist {
 public:
  explicit Artist(const Figure& figure)
      : figure_(figure),
        painter_(figure.portrait, figure.features, figure.scalp, figure.pose, figure.portrait.scene.light),
        light_(figure.portrait, figure.mesh) {}

  // Draws over the canvas. `view` leads to its pixels, of which `margin` on each side serve only as
  // neighbours.
  void draw(const View& view, int margin, Canvas& canvas) const {
    const int border = margin * kSamples;
    Layer layer(canvas.width + 2 * border, canvas.height + 2 * border);
    View fine = view.scaled(kSamples);
    fine.shift_x += float(border), fine.shift_y += float(border);
    rasterise(figure_.mesh, fine, layer);
    const std::vector<float> open = openness(layer, fine.samples_per_unit());
    std::vector<int> samples[kMaterials];
    for (int y = 0; y < canvas.height; ++y)
      for (int x = 0; x < canvas.width; ++x) {
        const int at = (y + border) * layer.width + x + border, t = layer.triangle[at];
        if (t >= 0) samples[figure_.mesh.materials[t]].push_back(at);
      }
    for (int m = 1; m < kMaterials; ++m) shade(Material(m), samples[m], layer, open, border, canvas);
    if (!figure_.lenses.triangles.empty()) mirror(fine, layer, border, canvas);
  }

 private:
  void shade(Material m, std::vector<int>& samples, const Layer& layer, const std::vector<float>& open,
             int border, Canvas& canvas) const {
    while (samples.size() % kLanes) samples.push_back(samples.back());
    const int half = layer.width / 2;
    for (size_t i = 0; i < samples.size(); i += kLanes) {
      const int* eight = &samples[i];
      Hits hits;
      gather(figure_.mesh, layer, eight, hits);
      Lanes near;
      for (int k = 0; k < kLanes; ++k)
        near[k] = open[size_t(eight[k] / layer.width / 2) * half + eight[k] % layer.width / 2];
      const Colors lit = light_.shade(hits, paint_of(painter_, m, hits), near);
      const Lanes face =
          m == kHead ? painter_.face_share(hits) : splat(m == kFrame || m == kWhiskers ? 1 : 0);
      for (int k = 0; k < kLanes; ++k) {
        const int x = eight[k] % layer.width - border, y = eight[k] / layer.width - border;
        canvas.color[size_t(y) * canvas.width + x] = lane(lit, k);
        canvas.face[size_t(y) * canvas.width + x] = face[k];
        canvas.behind[size_t(y) * canvas.width + x] = kEyes - hits.position.z[k];
      }
    }
  }

  // Lenses take a little light away and add what they mirror.
  void mirror(const View& fine, const Layer& behind, int border, Canvas& canvas) const {
    Layer layer(behind.width, behind.height);
    rasterise(figure_.lenses, fine, layer);
    std::vector<int> samples;
    for (int y = border; y < border + canvas.height; ++y)
      for (int x = border; x < border + canvas.width; ++x) {
        const int at = y * layer.width + x;
        if (layer.triangle[at] >= 0 && layer.depth[at] > behind.depth[at]) samples.push_back(at);
      }
    const size_t count = samples.size();
    while (samples.size() % kLanes) samples.push_back(samples.back());
    for (size_t i = 0; i < samples.size(); i += kLanes) {
      Hits hits;
      gather(figure_.lenses, layer, &samples[i], hits);
      const Lanes light = light_.mirrored(hits);
      for (size_t k = 0; k < kLanes && i + k < count; ++k) {
        const int x = samples[i + k] % layer.width - border, y = samples[i + k] / layer.width - border;
        Color& c = canvas.color[size_t(y) * canvas.width + x];
        c = c * .93f + Color{light[k], light[k], light[k]};
      }
    }
  }

  const Figure& figure_;
  Painter painter_;
  Light light_;
};

// Paints what is behind: the colour at the middle of each pixel for all of its samples.
template <class At>
void fill(Canvas& canvas, At at) {
  for (int y = 0; y < canvas.height / kSamples; ++y)
    for (int x = 0; x < canvas.width / kSamples; ++x) {
      const Color c = at(float(x) + .5f, float(y) + .5f);
      for (int k = 0; k < kSamples * kSamples; ++k) canvas.color[canvas.sample(x, y, k)] = c;
    }
}

View view_at(const Place& place) {
  const float scale = place.side / kAverageFrame;
  return {scale * cosine(place.roll), scale * sine(place.roll), place.x, place.y};
}

}  // namespace

Rendered render(const Portrait& portrait, int size) {
  const Figure figure(portrait);
  const View view = view_of(ffhq_frame(flatten(figure.landmarks, View{})), float(size));
  Canvas canvas(size, size);
  const float pixel = 2.0f / float(size);
  fill(canvas, [&](float x, float y) { return room_at(portrait.scene, x * pixel - 1, 1 - y * pixel); });
  Artist(figure).draw(view, 0, canvas);
  Rendered shot{empty_picture(size, size), flatten(figure.landmarks, view)};
  develop(canvas, 0, 0, kBlur * float(size), shot.picture);
  return shot;
}

Group render_group(const std::vector<Standing>& people, const Scene& room, int width, int height) {
  Group group{empty_picture(width, height), {}};
  std::vector<std::unique_ptr<Figure>> figures;
  std::vector<std::unique_ptr<Artist>> artists;
  for (const Standing& who : people) {
    figures.push_back(std::make_unique<Figure>(who.portrait));
    artists.push_back(std::make_unique<Artist>(*figures.back()));
    group.landmarks.push_back(flatten(figures.back()->landmarks, view_at(who.place)));
  }
  std::vector<size_t> order(people.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return people[a].place.side < people[b].place.side; });
  for (int top = 0; top < height; top += kTile)
    for (int left = 0; left < width; left += kTile) {
      Canvas canvas(std::min(kTile, width - left), std::min(kTile, height - top));
      fill(canvas, [&](float x, float y) {
        return wide_room_at(room, (float(left) + x) * 2 / float(width) - 1,
                            1 - (float(top) + y) * 2 / float(height), float(width) / float(height));
      });
      for (size_t i : order) {
        View view = view_at(people[i].place);
        view.shift_x -= float(left), view.shift_y -= float(top);
        artists[i]->draw(view, int(kOpennessReach * view.samples_per_unit()) + 2, canvas);
      }
      develop(canvas, left, top, 0, group.picture);
    }
  return group;
}

}  // namespace portraits
