# frozen_string_literal: true

require 'net/http'
require 'uri'
require 'set'
require 'monitor'

# Follows the links of one site and reports those that lead nowhere. Threads take pages from a queue
# until nobody works any more and the queue is empty.
class Crawler
  Problem = Struct.new(:page, :link, :reason) do
    def to_s = "#{page}: #{link} (#{reason})"
  end

  USER_AGENT = 'linkcheck/0.3'
  private_constant :USER_AGENT

  attr_reader :problems, :seen

  def initialize(start, threads: 4, max_pages: 2_000, &progress)
    @start = URI(start)
    @n_threads = threads
    @max_pages = max_pages
    @progress = progress || proc {}
    @lock = Monitor.new
    @waiting = @lock.new_cond
    @queue = []
    @busy = 0
    @seen = Set.new
    @problems = []
  end

  def run
    push(@start, 'start')
    Array.new(@n_threads) { |i| Thread.new { Thread.current.name = "crawler #{i}"; work } }.each(&:join)
    problems.sort_by!(&:page)
    problems.empty?
  end

  private

  def push(uri, from)
    uri = uri.dup.tap { |u| u.fragment = nil }
    @lock.synchronize do
      return if @seen.size >= @max_pages || !@seen.add?(uri.to_s)

      @queue << [uri, from]
      @waiting.signal
    end
  end

  def work
    while (job = take)
      begin
        visit(*job)
      ensure
        @lock.synchronize do
          @busy -= 1
          @waiting.broadcast if @busy.zero?
        end
      end
    end
  end

  def take
    @lock.synchronize do
      @waiting.wait_while { @queue.empty? && @busy.positive? }
      return if @queue.empty?

      @busy += 1
      @queue.shift
    end
  end

  def visit(uri, from, redirects = 5)
    @progress.call(uri)
    response = fetch(uri)
    case response
    when Net::HTTPRedirection
      return report(from, uri, 'redirects in a circle') if redirects.zero?

      visit(URI.join(uri, response['location']), from, redirects - 1)
    when Net::HTTPSuccess
      links(response.body, uri) { |link| push(link, uri.to_s) } if response.content_type == 'text/html'
    else
      report(from, uri, response.code)
    end
  rescue SocketError, SystemCallError, Timeout::Error, OpenSSL::SSL::SSLError => e
    report(from, uri, e.class.name)
  end

  def fetch(uri)
    Net::HTTP.start(uri.host, uri.port, use_ssl: uri.scheme == 'https', open_timeout: 5, read_timeout: 15) do |http|
      http.get(uri.request_uri, 'User-Agent' => USER_AGENT)
    end
  end

  def links(html, base)
    html.scan(/<a\b[^>]*\bhref\s*=\s*(["'])(.*?)\1/im) do |_quote, href|
      next if href.start_with?('#', 'mailto:', 'tel:', 'javascript:')

      link = URI.join(base, href.strip)
      yield link if link.host == @start.host
    rescue URI::Error
      report(base.to_s, href, 'no valid address')
    end
  end

  def report(page, link, reason)
    @lock.synchronize { @problems << Problem.new(page, link.to_s, reason) }
  end
end
