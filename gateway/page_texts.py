"""What the pages behind mails' links say, by language. Placeholders in braces are filled in escaped."""

from __future__ import annotations

from typing import NamedTuple


class Texts(NamedTuple):
    """One language."""

    language: str
    in_app: str
    web_push: str
    email: str
    sms: str
    everything_else: str  # the category `general`
    stop_title: str
    stop: str
    stop_button: str
    stopped_title: str
    stopped: str
    undo: str
    restored_title: str
    restored: str
    required_title: str
    required: str
    all_settings: str
    centre_title: str
    centre: str
    all_messages: str
    always_on: str
    pause: str
    pause_none: str
    pause_keep: str
    pause_day: str
    pause_week: str
    pause_month: str
    save: str
    saved: str
    gone_title: str
    gone: str
    busy_title: str
    busy: str
    wrong_title: str
    wrong: str

    def channel(self, name: str) -> str:
        """What people call a channel."""
        text: str = getattr(self, name)
        return text


EN = Texts(
    language="en",
    in_app="In the app",
    web_push="Push",
    email="Email",
    sms="Text message",
    everything_else="Everything else",
    stop_title="Unsubscribe?",
    stop="You will get no more emails about “{category}”.",
    stop_button="Unsubscribe",
    stopped_title="You are unsubscribed",
    stopped="You will get no more emails about “{category}”. One that is on its way already may still arrive.",
    undo="Undo",
    restored_title="You are subscribed again",
    restored="You will get emails about “{category}” as before.",
    required_title="These emails cannot be switched off",
    required="Emails about “{category}” are part of the service, such as security alerts or receipts, "
    "so everybody gets them.",
    all_settings="All notification settings",
    centre_title="Notification settings",
    centre="Choose what reaches you, and how. These settings belong to the person this email was sent to.",
    all_messages="All notifications",
    always_on="Always on: these messages are part of the service.",
    pause="Pause",
    pause_none="No pause",
    pause_keep="Paused until {until}",
    pause_day="For a day",
    pause_week="For a week",
    pause_month="For four weeks",
    save="Save",
    saved="Your settings are saved.",
    gone_title="This link does not work any more",
    gone="It may have been cut off when it was copied, or what it was about has been deleted. Try the link in the "
    "email itself.",
    busy_title="That did not work just now",
    busy="Please try again in a moment. Nothing was changed.",
    wrong_title="That could not be understood",
    wrong="Please open the link in the email again. Nothing was changed.",
)

DE = Texts(
    language="de",
    in_app="In der App",
    web_push="Push",
    email="E-Mail",
    sms="SMS",
    everything_else="Alles andere",
    stop_title="Abbestellen?",
    stop="Du bekommst dann keine E-Mails mehr zu „{category}“.",
    stop_button="Abbestellen",
    stopped_title="Du hast die E-Mails abbestellt",
    stopped="Du bekommst keine E-Mails mehr zu „{category}“. Eine, die schon unterwegs ist, kann noch ankommen.",
    undo="Rückgängig machen",
    restored_title="Du bekommst die E-Mails wieder",
    restored="Du bekommst E-Mails zu „{category}“ wie vorher.",
    required_title="Diese E-Mails lassen sich nicht abbestellen",
    required="E-Mails zu „{category}“ gehören zum Dienst, zum Beispiel Sicherheitshinweise oder Belege; "
    "deshalb bekommen alle sie.",
    all_settings="Alle Einstellungen für Benachrichtigungen",
    centre_title="Benachrichtigungen",
    centre="Wähle, was dich erreicht und auf welchem Weg. Die Einstellungen gehören zu der Person, "
    "die diese E-Mail bekommen hat.",
    all_messages="Alle Benachrichtigungen",
    always_on="Immer an: Diese Nachrichten gehören zum Dienst.",
    pause="Pause",
    pause_none="Keine Pause",
    pause_keep="Pause bis {until}",
    pause_day="Einen Tag",
    pause_week="Eine Woche",
    pause_month="Vier Wochen",
    save="Speichern",
    saved="Deine Einstellungen sind gespeichert.",
    gone_title="Dieser Link funktioniert nicht mehr",
    gone="Vielleicht wurde er beim Kopieren abgeschnitten, oder es gibt nicht mehr, worum es ging. "
    "Versuche es mit dem Link in der E-Mail selbst.",
    busy_title="Das hat gerade nicht geklappt",
    busy="Bitte versuche es gleich noch einmal. Es wurde nichts geändert.",
    wrong_title="Das ließ sich nicht verstehen",
    wrong="Bitte öffne den Link in der E-Mail noch einmal. Es wurde nichts geändert.",
)

FR = Texts(
    language="fr",
    in_app="Dans l’application",
    web_push="Push",
    email="E-mail",
    sms="SMS",
    everything_else="Tout le reste",
    stop_title="Se désabonner ?",
    stop="Vous ne recevrez plus d’e-mails au sujet de « {category} ».",
    stop_button="Se désabonner",
    stopped_title="Vous êtes désabonné",
    stopped="Vous ne recevrez plus d’e-mails au sujet de « {category} ». Un message déjà parti peut encore arriver.",
    undo="Annuler",
    restored_title="Vous êtes de nouveau abonné",
    restored="Vous recevrez les e-mails au sujet de « {category} » comme avant.",
    required_title="Ces e-mails ne peuvent pas être désactivés",
    required="Les e-mails au sujet de « {category} » font partie du service, comme les alertes de sécurité ou les "
    "reçus : tout le monde les reçoit.",
    all_settings="Tous les réglages de notification",
    centre_title="Réglages de notification",
    centre="Choisissez ce qui vous parvient, et par quel moyen. Ces réglages sont ceux de la personne à qui cet "
    "e-mail a été envoyé.",
    all_messages="Toutes les notifications",
    always_on="Toujours activé : ces messages font partie du service.",
    pause="Pause",
    pause_none="Pas de pause",
    pause_keep="En pause jusqu’au {until}",
    pause_day="Un jour",
    pause_week="Une semaine",
    pause_month="Quatre semaines",
    save="Enregistrer",
    saved="Vos réglages sont enregistrés.",
    gone_title="Ce lien ne fonctionne plus",
    gone="Il a peut-être été coupé lors de la copie, ou ce dont il s’agissait a été supprimé. Essayez le lien dans "
    "l’e-mail lui-même.",
    busy_title="Cela n’a pas fonctionné",
    busy="Veuillez réessayer dans un instant. Rien n’a été modifié.",
    wrong_title="Cette demande n’a pas été comprise",
    wrong="Veuillez rouvrir le lien dans l’e-mail. Rien n’a été modifié.",
)

PT = Texts(
    language="pt",
    in_app="No aplicativo",
    web_push="Push",
    email="E-mail",
    sms="SMS",
    everything_else="Todo o resto",
    stop_title="Cancelar a inscrição?",
    stop="Você não receberá mais e-mails sobre “{category}”.",
    stop_button="Cancelar inscrição",
    stopped_title="Sua inscrição foi cancelada",
    stopped="Você não receberá mais e-mails sobre “{category}”. Um que já esteja a caminho ainda pode chegar.",
    undo="Desfazer",
    restored_title="Você está inscrito novamente",
    restored="Você receberá e-mails sobre “{category}” como antes.",
    required_title="Estes e-mails não podem ser desativados",
    required="E-mails sobre “{category}” fazem parte do serviço, como alertas de segurança ou recibos; "
    "por isso, todos os recebem.",
    all_settings="Todas as configurações de notificação",
    centre_title="Configurações de notificação",
    centre="Escolha o que chega até você, e como. Estas configurações são da pessoa que recebeu este e-mail.",
    all_messages="Todas as notificações",
    always_on="Sempre ativo: estas mensagens fazem parte do serviço.",
    pause="Pausa",
    pause_none="Sem pausa",
    pause_keep="Em pausa até {until}",
    pause_day="Por um dia",
    pause_week="Por uma semana",
    pause_month="Por quatro semanas",
    save="Salvar",
    saved="Suas configurações foram salvas.",
    gone_title="Este link não funciona mais",
    gone="Ele pode ter sido cortado ao ser copiado, ou aquilo de que tratava foi excluído. Tente o link no próprio "
    "e-mail.",
    busy_title="Não funcionou agora",
    busy="Tente novamente em instantes. Nada foi alterado.",
    wrong_title="Não foi possível entender",
    wrong="Abra novamente o link no e-mail. Nada foi alterado.",
)

AR = Texts(
    language="ar",
    in_app="داخل التطبيق",
    web_push="إشعارات فورية",
    email="البريد الإلكتروني",
    sms="رسالة نصية",
    everything_else="كل ما عدا ذلك",
    stop_title="هل تريد إلغاء الاشتراك؟",
    stop="لن تصلك بعد الآن رسائل بريد إلكتروني بشأن «{category}».",
    stop_button="إلغاء الاشتراك",
    stopped_title="تم إلغاء اشتراكك",
    stopped="لن تصلك بعد الآن رسائل بريد إلكتروني بشأن «{category}». قد تصلك رسالة أُرسلت بالفعل.",
    undo="تراجع",
    restored_title="تم تجديد اشتراكك",
    restored="ستصلك رسائل البريد الإلكتروني بشأن «{category}» كما في السابق.",
    required_title="لا يمكن إيقاف هذه الرسائل",
    required="رسائل «{category}» جزء من الخدمة، مثل تنبيهات الأمان أو الإيصالات، ولذلك تصل إلى الجميع.",
    all_settings="كل إعدادات الإشعارات",
    centre_title="إعدادات الإشعارات",
    centre="اختر ما يصلك وكيف يصلك. هذه الإعدادات تخص الشخص الذي أُرسلت إليه هذه الرسالة.",
    all_messages="كل الإشعارات",
    always_on="مفعّلة دائمًا: هذه الرسائل جزء من الخدمة.",
    pause="إيقاف مؤقت",
    pause_none="بدون إيقاف",
    pause_keep="متوقفة حتى {until}",
    pause_day="لمدة يوم",
    pause_week="لمدة أسبوع",
    pause_month="لمدة أربعة أسابيع",
    save="حفظ",
    saved="تم حفظ إعداداتك.",
    gone_title="لم يعد هذا الرابط يعمل",
    gone="ربما قُطع الرابط عند نسخه، أو حُذف ما كان يشير إليه. جرّب الرابط الموجود في الرسالة نفسها.",
    busy_title="لم تنجح العملية الآن",
    busy="يُرجى المحاولة مرة أخرى بعد قليل. لم يتغير شيء.",
    wrong_title="تعذّر فهم الطلب",
    wrong="يُرجى فتح الرابط من الرسالة مرة أخرى. لم يتغير شيء.",
)

JA = Texts(
    language="ja",
    in_app="アプリ内",
    web_push="プッシュ通知",
    email="メール",
    sms="SMS",
    everything_else="その他すべて",
    stop_title="配信を停止しますか？",
    stop="「{category}」に関するメールは届かなくなります。",
    stop_button="配信を停止する",
    stopped_title="配信を停止しました",
    stopped="「{category}」に関するメールは届かなくなります。すでに送信されたものは届くことがあります。",
    undo="元に戻す",
    restored_title="配信を再開しました",
    restored="「{category}」に関するメールがこれまでどおり届きます。",
    required_title="このメールは停止できません",
    required="「{category}」に関するメールは、セキュリティのお知らせや領収書など、サービスに欠かせないため、"
    "すべての方に届きます。",
    all_settings="すべての通知設定",
    centre_title="通知設定",
    centre="受け取る内容と方法をお選びください。この設定は、このメールの受信者のものです。",
    all_messages="すべての通知",
    always_on="常にオン：サービスに欠かせないお知らせです。",
    pause="一時停止",
    pause_none="一時停止しない",
    pause_keep="{until} まで停止中",
    pause_day="1日間",
    pause_week="1週間",
    pause_month="4週間",
    save="保存",
    saved="設定を保存しました。",
    gone_title="このリンクは使用できません",
    gone="コピーの際に途中で切れたか、対象がすでに削除されています。メール内のリンクをお試しください。",
    busy_title="処理できませんでした",
    busy="しばらくしてからもう一度お試しください。変更は行われていません。",
    wrong_title="内容を読み取れませんでした",
    wrong="メール内のリンクをもう一度開いてください。変更は行われていません。",
)

TEXTS = {texts.language: texts for texts in (EN, DE, FR, PT, AR, JA)}
