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

  # After how many steps the pattern is back in its form, and how far it has moved; nil if it never is.
  def period(limit: 100)
    life = self
    (1..limit).each do |n|
      life = life.step
      return [n, life.offset_to(self)] if life.form == form
    end
    nil
  end

  # The cells, pushed into the corner, so that equal forms are equal wherever they lie.
  def form
    left, top = corner
    @cells.map { |x, y| [x - left, y - top] }.to_set
  end

  def corner
    @cells.to_a.transpose.map(&:min)
  end

  def offset_to(other)
    corner.zip(other.corner).map { |mine, theirs| mine - theirs }
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

puts "period and offset: #{life.period.inspect}"
generation = 0
until generation == 4
  puts life, nil
  life = life.step
  generation += 1
end
