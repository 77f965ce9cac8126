#!/usr/bin/env ruby
# Finds slow requests in the access logs of the proxy, plain or gzipped.
#
#   slow_requests.rb --over 800 /var/log/proxy/access.log*
#
# A line looks like this (one line in reality):
#   10.1.4.7 - - [03/Feb/2022:13:55:36 +0100] "GET /cart?x=1 HTTP/1.1" 200 5124 rt=0.913 up=0.870

require 'optparse'
require 'time'
require 'zlib'

LINE = %r{
  \A(?<ip>\S+)\s\S+\s\S+\s
  \[(?<time>[^\]]+)\]\s
  "(?<verb>[A-Z]+)\s(?<path>\S+)\s[^"]*"\s
  (?<status>\d{3})\s(?<bytes>\d+|-)\s
  rt=(?<seconds>[\d.]+)
}x.freeze

options = { over: 500, top: 15, by: :total }
OptionParser.new do |o|
  o.banner = "Usage: #{File.basename($0)} [options] LOG..."
  o.on('--over MS', Integer, 'count requests slower than this') { |v| options[:over] = v }
  o.on('--top N', Integer) { |v| options[:top] = v }
  o.on('--by KEY', %i[total count p95], 'total, count or p95') { |v| options[:by] = v }
  o.on('--since TIME', Time, 'e.g. "2022-02-03 12:00"') { |v| options[:since] = v }
end.parse!

abort 'no log given' if ARGV.empty?

# /orders/12345/items/7?page=2 and its siblings are one route
def route(path)
  path.sub(/\?.*/, '')
      .gsub(%r{/\h{8}-\h{4}-\h{4}-\h{4}-\h{12}(?=/|\z)}, '/:uuid')
      .gsub(%r{/\d+(?=/|\z)}, '/:id')
end

def each_line(file, &block)
  return File.foreach(file, &block) unless file.end_with?('.gz')

  Zlib::GzipReader.open(file) { |gz| gz.each_line(&block) }
end

def percentile(sorted, p)
  sorted[((sorted.size - 1) * p).round]
end

routes = Hash.new { |h, k| h[k] = [] }
unreadable = 0

ARGV.each do |file|
  each_line(file) do |line|
    m = LINE.match(line.scrub)
    unless m
      unreadable += 1
      next
    end
    ms = (m[:seconds].to_f * 1000).round
    next if ms < options[:over]
    # parsing the time is the slow part, so it comes last
    next if options[:since] && Time.strptime(m[:time], '%d/%b/%Y:%H:%M:%S %z') < options[:since]

    routes["#{m[:verb]} #{route(m[:path])}"] << ms
  end
rescue Zlib::GzipFile::Error => e
  warn "#{file}: #{e.message}"
end

rows = routes.map do |name, times|
  times.sort!
  { name: name, count: times.size, total: times.sum, p95: percentile(times, 0.95), max: times.last }
end

puts format('%8s %10s %8s %8s  %s', 'count', 'total s', 'p95 ms', 'max ms', 'route')
rows.max_by(options[:top]) { |r| r[options[:by]] }.each do |r|
  puts format('%8d %10.1f %8d %8d  %s', r[:count], r[:total] / 1000.0, r[:p95], r[:max], r[:name])
end
warn "#{unreadable} lines not understood" if unreadable.positive?
