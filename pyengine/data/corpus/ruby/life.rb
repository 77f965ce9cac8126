require 'set'

# Conway's game of life on an endless board.
class Life
  NEIGHBOURS = [-1, 0, 1].product([-1, 0, 1]).reject { |pair| pair == [0, 0] }.freeze

  def self.parse(text)
    cells = text.each_line.with_index.flat_map do |line, y|
      line.chomp.chars.each_index.select { |x| line[x] == '#' }.map { |x| [x, y] }
    end
    new(cells)
  end

  def initialize(cells)
    @cells = Set.new(cells)
  end

  def step
    counts = Hash.new(0)
    @cells.each do |x, y|
      NEIGHBOURS.each { |dx, dy| counts[[x + dx, y + dy]] += 1 }
    end
    Life.new(counts.select { |cell, n| n == 3 || (n == 2 && @cells.include?(cell)) }.keys)
  end

  def to_s
    return '' if @cells.empty?

    xs, ys = @cells.to_a.transpose
    (ys.min..ys.max).map { |y| (xs.min..xs.max).map { |x| @cells.include?([x, y]) ? '#' : '.' }.join }.join("\n")
  end
end

life = Life.parse(<<~BOARD)
  .#.
  ..#
  ###
BOARD

generation = 0
until generation == 4
  puts life, nil
  life = life.step
  generation += 1
end
