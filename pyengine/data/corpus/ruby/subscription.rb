class Subscription < ApplicationRecord
  GRACE_PERIOD = 5.days

  belongs_to :subscriber, class_name: 'User', inverse_of: :subscriptions
  belongs_to :plan
  has_many :invoices, -> { order(issued_on: :desc) }, dependent: :restrict_with_error
  has_one :latest_invoice, -> { order(issued_on: :desc) }, class_name: 'Invoice'

  enum status: { trial: 0, active: 1, past_due: 2, cancelled: 3 }, _default: :trial

  validates :starts_on, presence: true
  validates :seats, numericality: { only_integer: true, greater_than: 0, less_than_or_equal_to: 500 }
  validate :only_one_running, on: :create
  validate :seats_cover_members, if: :seats_changed?

  scope :running, -> { where(status: %i[trial active past_due]) }
  scope :due_on, ->(date) { running.where(next_invoice_on: ..date) }
  scope :in_grace, -> { past_due.where(past_due_since: GRACE_PERIOD.ago..) }

  before_validation :set_first_invoice_date, on: :create
  after_commit :tell_billing, on: %i[create update], if: :saved_change_to_status?

  delegate :currency, :interval, to: :plan
  delegate :email, to: :subscriber, prefix: true

  class << self
    # Called from the nightly job. One bad subscription must not stop the others.
    def invoice_all!(date = Date.current)
      due_on(date).includes(:plan, :subscriber).find_each do |subscription|
        subscription.invoice!(date)
      rescue Billing::Error => e
        Rails.error.report(e, context: { subscription: subscription.id })
      end
    end
  end

  def invoice!(date = Date.current)
    with_lock do
      return if next_invoice_on > date

      invoices.create!(
        issued_on: date,
        amount_cents: amount_cents,
        currency: currency,
        period: next_invoice_on...following_invoice_date
      )
      update!(next_invoice_on: following_invoice_date, status: :active)
    end
  end

  def amount_cents
    base = plan.price_cents * seats
    coupon&.valid_on?(next_invoice_on) ? base - coupon.reduction(base) : base
  end

  def cancel!(at_period_end: true)
    raise ActiveRecord::RecordInvalid, self if cancelled?

    transaction do
      update!(status: :cancelled, ends_on: at_period_end ? next_invoice_on.yesterday : Date.current)
      subscriber.memberships.where.not(role: 'owner').update_all(suspended: true)
    end
    SubscriptionMailer.with(subscription: self).goodbye.deliver_later
  end

  private

  def following_invoice_date
    next_invoice_on.advance(interval.to_sym => 1)
  end

  def set_first_invoice_date
    self.next_invoice_on ||= starts_on && starts_on + plan.trial_days
  end

  def only_one_running
    errors.add(:base, :already_running) if subscriber&.subscriptions&.running&.exists?
  end

  def seats_cover_members
    members = subscriber.memberships.count
    errors.add(:seats, :too_few, count: members) if seats.to_i < members
  end

  def tell_billing
    BillingSyncJob.perform_later(self)
  end
end
