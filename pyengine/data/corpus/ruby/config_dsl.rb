# Settings as a small language: `Config.build { host 'localhost'; port 80 }`.
class Config
  Missing = Class.new(KeyError)

  def self.build(&block)
    new.tap { |config| config.instance_eval(&block) }.freeze
  end

  def initialize
    @values = {}
  end

  def method_missing(name, *args, &block)
    if block
      @values[name] = self.class.build(&block)
    elsif args.size == 1
      @values[name] = args.first
    elsif args.empty?
      @values.fetch(name) { raise Missing, "no setting called #{name}" }
    else
      super
    end
  end

  def respond_to_missing?(name, include_private = false)
    @values.key?(name) || super
  end

  # Other settings on top of these, as in `defaults.merge(Config.build { port 81 })`.
  def merge(other)
    merged = to_h.merge(other.to_h) do |_name, mine, theirs|
      mine.is_a?(Hash) && theirs.is_a?(Hash) ? mine.merge(theirs) : theirs
    end
    Config.from_h(merged)
  end

  def self.from_h(hash)
    build do
      hash.each do |name, value|
        value = Config.from_h(value) if value.is_a?(Hash)
        public_send(name, value)
      end
    end
  end

  def to_h
    @values.transform_values do |value|
      case value
      when Config then value.to_h
      when Array, Hash then value.dup
      else value
      end
    end
  end
end

config = Config.build do
  host 'localhost'
  port 8080
  tls { certificate '/etc/ssl/cert.pem' }
end

local = config.merge(Config.build { port 8443 })
warn "port #{config.port} is now #{local.port}" unless local.port == config.port

puts config.to_h.inspect
puts "#{config.host}:#{config.port}" if config.tls.certificate =~ /\.pem\z/
