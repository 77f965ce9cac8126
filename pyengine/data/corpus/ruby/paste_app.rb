require 'sinatra/base'
require 'sequel'
require 'securerandom'
require 'rouge'
require 'json'

# A paste bin for the office. Pastes vanish by themselves; that is their charm.
class PasteApp < Sinatra::Base
  LIFETIMES = { 'hour' => 3_600, 'day' => 86_400, 'week' => 604_800 }.freeze
  MAX_BYTES = 256 * 1024

  configure do
    set :db, Sequel.connect(ENV.fetch('DATABASE_URL', 'sqlite://pastes.db'))
    set :erb, escape_html: true
    enable :sessions, :logging
    set :session_secret, ENV.fetch('SESSION_SECRET') { SecureRandom.hex(64) }

    db.create_table? :pastes do
      String :id, primary_key: true
      String :language, null: false
      String :owner
      File :body, null: false
      Time :expires_at, null: false, index: true
    end
  end

  configure(:development) { require 'sinatra/reloader' and register Sinatra::Reloader }

  helpers do
    def pastes
      settings.db[:pastes].where { expires_at > Time.now }
    end

    def highlighted(paste)
      lexer = Rouge::Lexer.find(paste[:language]) || Rouge::Lexers::PlainText
      Rouge::Formatters::HTML.new.format(lexer.new.lex(paste[:body]))
    end

    def owner?(paste)
      paste[:owner] && paste[:owner] == session[:token]
    end
  end

  before { session[:token] ||= SecureRandom.uuid }

  not_found { erb '<h1>Gone, or never here</h1>' }

  error Sequel::DatabaseError do
    logger.error env['sinatra.error'].message
    halt 503, 'The database is on holiday.'
  end

  get '/' do
    @languages = Rouge::Lexer.all.map(&:tag).sort
    erb :form
  end

  post '/' do
    body = params['body'].to_s.gsub("\r\n", "\n")
    halt 400, 'Nothing to paste' if body.strip.empty?
    halt 413, 'Too long' if body.bytesize > MAX_BYTES

    id = SecureRandom.urlsafe_base64(6)
    settings.db[:pastes].insert(
      id: id,
      language: params.fetch('language', 'plaintext'),
      owner: session[:token],
      body: Sequel.blob(body),
      expires_at: Time.now + LIFETIMES.fetch(params['lifetime'], LIFETIMES['day'])
    )
    redirect to("/#{id}"), 303
  end

  get %r{/([\w-]{8})(\.txt|\.json)?} do |id, format|
    @paste = pastes.first(id: id) or pass
    last_modified @paste[:expires_at] - 1
    case format
    when '.txt'
      content_type :text
      @paste[:body]
    when '.json'
      content_type :json
      @paste.slice(:id, :language, :expires_at).merge(body: @paste[:body].force_encoding('UTF-8')).to_json
    else
      @html = highlighted(@paste)
      erb :paste
    end
  end

  delete '/:id' do
    paste = pastes.first(id: params['id']) or halt 404
    halt 403 unless owner?(paste)
    settings.db[:pastes].where(id: paste[:id]).delete
    204
  end

  run! if app_file == $PROGRAM_NAME
end
