#include <cstdint>
#include <functional>
#include <iostream>
#include <limits>
#include <queue>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

using Weight = std::int64_t;
constexpr Weight unreachable = std::numeric_limits<Weight>::max();

struct Edge {
    int target;
    Weight weight;
};

class Graph {
public:
    int node(const std::string & name) {
        const auto [position, added] = index_.try_emplace(name, static_cast<int>(edges_.size()));
        if (added) {
            edges_.emplace_back();
        }
        return position->second;
    }

    void connect(int from, int to, Weight weight) {
        if (weight < 0) {
            throw std::invalid_argument("negative weights are not supported");
        }
        edges_.at(from).push_back({to, weight});
        edges_.at(to).push_back({from, weight});
    }

    std::vector<Weight> distances(int start) const {
        std::vector<Weight> best(edges_.size(), unreachable);
        using Entry = std::pair<Weight, int>;
        std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
        best[start] = 0;
        queue.emplace(0, start);
        while (!queue.empty()) {
            const auto [distance, current] = queue.top();
            queue.pop();
            if (distance > best[current]) {
                continue; // an older, longer way
            }
            for (const Edge & edge : edges_[current]) {
                const Weight through = distance + edge.weight;
                if (through < best[edge.target]) {
                    best[edge.target] = through;
                    queue.emplace(through, edge.target);
                }
            }
        }
        return best;
    }

private:
    std::unordered_map<std::string, int> index_;
    std::vector<std::vector<Edge>> edges_;
};

int main() {
    Graph graph;
    std::string from, to;
    Weight weight = 0;
    while (std::cin >> from >> to >> weight) {
        graph.connect(graph.node(from), graph.node(to), weight);
    }
    for (const Weight distance : graph.distances(graph.node("start"))) {
        std::cout << (distance == unreachable ? -1 : distance) << '\n';
    }
    return 0;
}
