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

puts config.to_h.inspect
puts "#{config.host}:#{config.port}" if config.tls.certificate =~ /\.pem\z/
