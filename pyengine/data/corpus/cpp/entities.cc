// A toy entity-component system: a thousand asteroids and one ship.
//
// Build: c++ -std=c++20 -O2 entities.cc

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <typeindex>
#include <unordered_map>
#include <vector>

using Entity = std::uint32_t;

struct Position { float x, y; };
struct Velocity { float dx, dy; };
struct Radius   { float r; };
struct Lifetime { int frames; };
struct Player   {};

struct PoolBase {
    virtual ~PoolBase() = default;
    virtual void remove(Entity e) = 0;
};

// Sparse set: components lie densely, and `where` finds them by entity.
template <typename C>
struct Pool final : PoolBase {
    static constexpr std::uint32_t none = ~0u;
    std::vector<C> components;
    std::vector<Entity> owners;
    std::vector<std::uint32_t> where;

    bool has(Entity e) const { return e < where.size() && where[e] != none; }
    C &get(Entity e) { return components[where[e]]; }

    void put(Entity e, C c) {
        if (e >= where.size()) where.resize(e + 1, none);
        where[e] = static_cast<std::uint32_t>(owners.size());
        owners.push_back(e);
        components.push_back(c);
    }

    void remove(Entity e) override {
        if (!has(e)) return;
        const auto hole = where[e];
        components[hole] = components.back();
        owners[hole] = owners.back();
        where[owners[hole]] = hole;
        where[e] = none;
        components.pop_back();
        owners.pop_back();
    }
};

class World {
public:
    template <typename... Cs>
    Entity create(Cs... cs) {
        const Entity e = free_.empty() ? next_++ : free_.back();
        if (!free_.empty()) free_.pop_back();
        (pool<Cs>().put(e, cs), ...);
        return e;
    }

    void destroy(Entity e) {
        for (auto &[type, p] : pools_) p->remove(e);
        free_.push_back(e);
    }

    // Visits every entity that has all the components; the first one should be the rarest.
    template <typename First, typename... Rest, typename F>
    void each(F &&f) {
        auto &lead = pool<First>();
        for (std::size_t i = lead.owners.size(); i-- > 0;) {
            const Entity e = lead.owners[i];
            if ((pool<Rest>().has(e) && ...)) f(e, lead.get(e), pool<Rest>().get(e)...);
        }
    }

    template <typename C>
    Pool<C> &pool() {
        auto &slot = pools_[typeid(C)];
        if (!slot) slot = std::make_unique<Pool<C>>();
        return static_cast<Pool<C> &>(*slot);
    }

private:
    std::unordered_map<std::type_index, std::unique_ptr<PoolBase>> pools_;
    std::vector<Entity> free_;
    Entity next_ = 0;
};

static float frand(float lo, float hi) { return lo + (hi - lo) * (std::rand() / float(RAND_MAX)); }

int main() {
    World w;
    w.create(Player{}, Position{0, 0}, Velocity{0, 0}, Radius{2});
    for (int i = 0; i < 1000; ++i)
        w.create(Position{frand(-500, 500), frand(-500, 500)}, Velocity{frand(-1, 1), frand(-1, 1)},
                 Radius{frand(1, 6)}, Lifetime{100 + std::rand() % 500});

    for (int frame = 0; frame < 600; ++frame) {
        w.each<Velocity, Position>([](Entity, Velocity &v, Position &p) { p.x += v.dx; p.y += v.dy; });
        w.each<Lifetime>([&](Entity e, Lifetime &l) { if (--l.frames <= 0) w.destroy(e); });

        bool hit = false;
        w.each<Player, Position, Radius>([&](Entity ship, Player &, Position &p, Radius &r) {
            w.each<Radius, Position>([&](Entity rock, Radius &rr, Position &q) {
                const float dx = p.x - q.x, dy = p.y - q.y, reach = r.r + rr.r;
                hit |= rock != ship && dx * dx + dy * dy < reach * reach;
            });
        });
        if (hit) { std::printf("hit in frame %d\n", frame); return 0; }
    }
    std::puts("survived");
}
