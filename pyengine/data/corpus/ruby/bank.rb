# frozen_string_literal: true

require 'bigdecimal'
require 'time'

module Bank
  class InsufficientFunds < StandardError
    attr_reader :missing

    def initialize(missing)
      @missing = missing
      super("#{missing.to_s('F')} short")
    end
  end

  Entry = Struct.new(:amount, :text, :at, keyword_init: true)

  class Account
    include Comparable

    attr_reader :owner, :entries

    def initialize(owner, opening: 0)
      @owner = owner
      @entries = []
      deposit(opening, 'opening balance') unless opening.zero?
    end

    def balance
      entries.sum(BigDecimal('0'), &:amount)
    end

    def deposit(amount, text = 'deposit')
      raise ArgumentError, 'amount must be positive' unless amount.positive?

      @entries << Entry.new(amount: BigDecimal(amount.to_s), text: text, at: Time.now)
      self
    end

    def withdraw(amount, text = 'withdrawal')
      missing = amount - balance
      raise InsufficientFunds, missing if missing.positive?

      @entries << Entry.new(amount: -BigDecimal(amount.to_s), text: text, at: Time.now)
      self
    end

    # Moves money in both books, or in none: a withdrawal that is refused raises before the deposit.
    def transfer(amount, to:, text: nil)
      raise ArgumentError, 'cannot transfer to the same account' if equal?(to)

      withdraw(amount, text || "to #{to.owner}")
      to.deposit(amount, text || "from #{owner}")
      self
    end

    def <=>(other)
      balance <=> other.balance
    end

    def each_month
      return enum_for(:each_month) unless block_given?

      entries.group_by { |entry| entry.at.strftime('%Y-%m') }.sort.each do |month, list|
        yield month, list.sum(&:amount)
      end
    end
  end
end

if $PROGRAM_NAME == __FILE__
  account = Bank::Account.new('Ada', opening: 100)
  begin
    account.deposit(50).withdraw(500)
  rescue Bank::InsufficientFunds => e
    warn "refused: #{e.message}"
  ensure
    account.each_month { |month, sum| puts "#{month}: #{sum.to_s('F')}" }
  end
end
