# frozen_string_literal: true

require 'spec_helper'
require 'bakery/discount'

RSpec.describe Bakery::Discount do
  subject(:discount) { described_class.new(rules, clock: -> { now }) }

  let(:now) { Time.new(2023, 4, 12, 10, 30) }
  let(:rules) { [evening, dozen] }
  let(:evening) { Bakery::Rules::AfterHour.new(17, percent: 30) }
  let(:dozen) { Bakery::Rules::EveryTwelfthFree.new(:roll) }

  def line(article, quantity, cents)
    Bakery::Line.new(article: article, quantity: quantity, unit_price: cents)
  end

  describe '#apply' do
    it 'leaves an empty order alone' do
      expect(discount.apply([])).to be_empty
    end

    it 'does not change the lines that it is given' do
      lines = [line(:roll, 12, 40)].freeze
      expect { discount.apply(lines) }.not_to(change { lines.map(&:total) })
    end

    context 'with a dozen rolls' do
      it 'gives one for free' do
        expect(discount.apply([line(:roll, 12, 40)]).sum(&:total)).to eq(11 * 40)
      end

      it 'counts rolls over all lines' do
        lines = [line(:roll, 5, 40), line(:bread, 1, 350), line(:roll, 7, 40)]
        expect(discount.apply(lines).sum(&:total)).to eq(11 * 40 + 350)
      end
    end

    context 'when it is late' do
      let(:now) { Time.new(2023, 4, 12, 17, 0) }

      it 'takes off thirty per cent, rounded in favour of the customer' do
        expect(discount.apply([line(:bread, 1, 355)]).first).to have_attributes(total: 248, reason: /evening/i)
      end

      it 'applies only the better rule' do
        applied = discount.apply([line(:roll, 12, 40)])
        aggregate_failures do
          expect(applied.sum(&:total)).to eq(336)
          expect(applied.map(&:reason)).to contain_exactly('Evening price')
        end
      end

      [[23, true], [17, true], [16, false], [0, false]].each do |hour, cheaper|
        it "is #{'not ' unless cheaper}cheaper at #{hour} o'clock" do
          allow(Bakery::Holidays).to receive(:on?).and_return(false)
          late = described_class.new([evening], clock: -> { Time.new(2023, 4, 12, hour) })
          total = late.apply([line(:cake, 1, 1000)]).sum(&:total)
          expect(total < 1000).to be(cheaper)
        end
      end
    end

    it 'complains about prices below zero' do
      expect { discount.apply([line(:roll, 1, -40)]) }
        .to raise_error(Bakery::PriceError, 'roll: -40 cents')
    end
  end

  it_behaves_like 'something that can be logged', level: :info
end
